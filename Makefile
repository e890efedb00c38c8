# `make` builds the environment and runs the pipeline; `make test` builds it and runs the tests; `make bench` measures.
VENV := .venv
PYTHON ?= python3
BIN := $(CURDIR)/$(VENV)/bin

.PHONY: run test bench check clean distclean
.DEFAULT_GOAL := run

run: $(VENV)/ready
	PATH="$(BIN):$$PATH" dvc repro

test: $(VENV)/ready
	"$(BIN)/python" -m pytest

# Sizes are options: make bench BENCH="--growth-regions 5000".
bench: $(VENV)/ready
	"$(BIN)/python" -m benchmarks $(BENCH)

check: $(VENV)/ready
	"$(BIN)/ruff" check .
	"$(BIN)/ruff" format --check .
	"$(BIN)/mypy"

$(VENV)/ready: requirements.txt pyproject.toml
	$(PYTHON) -m venv $(VENV)
	"$(BIN)/python" -m pip install --quiet --upgrade pip
	"$(BIN)/python" -m pip install --quiet --requirement requirements.txt
	"$(BIN)/python" -m pip install --quiet --no-deps --editable .
	touch $@

# What interrupted runs of other parameters left behind.
clean:
	rm -rf .scratch

distclean: clean
	rm -rf $(VENV)
