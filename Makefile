# `make` builds the environment and runs the pipeline; `make test` builds it and runs the tests; `make bench` measures.
VENV := .venv
PYTHON ?= python3
BIN := $(CURDIR)/$(VENV)/bin
LOWEST_TESTS := tests/test_public_surface.py tests/stores tests/features tests/grid tests/tasks tests/evaluation \
    tests/annotations tests/export tests/test_pipeline.py

.PHONY: run test lowest bench repeat site experiments demo-model check git-checkout clean distclean
.DEFAULT_GOAL := run

run: git-checkout $(VENV)/ready
	PATH="$(BIN):$$PATH" dvc repro

# In two processes, a file of tests in one of them.
test: git-checkout $(VENV)/ready
	"$(BIN)/python" -m pytest --numprocesses 2 --dist loadfile

# Tests with the lowest versions that pyproject.toml allows, in an environment of its own: make lowest PYTHON=python3.11
# Wheels only, since old sources do not compile everywhere; antlr4-python3-runtime has none.
lowest: git-checkout
	"$(PYTHON)" -m venv $(VENV)-lowest
	$(VENV)-lowest/bin/python -m pip install --quiet --only-binary :all: --no-binary antlr4-python3-runtime \
	    --requirement requirements-lowest.txt
	$(VENV)-lowest/bin/python -m pip install --quiet --no-deps --editable .
	PATH="$(CURDIR)/$(VENV)-lowest/bin:$$PATH" python -m pytest $(LOWEST_TESTS)

# Sizes are options: make bench BENCH="--growth-regions 5000".
bench: git-checkout $(VENV)/ready
	"$(BIN)/python" -m benchmarks $(BENCH)

# Two runs of the pipeline with other workers, threads and batches, the second interrupted: every byte is compared.
repeat: git-checkout $(VENV)/ready
	"$(BIN)/python" -m tests.repeat $(REPEAT)

# Experiments side by side: headline metrics, and the parameters that differ. Other columns are those of all files.
experiments: $(VENV)/ready
	@"$(BIN)/dvc" exp show --md --only-changed --drop \
	    '.*/|Created|metrics$$|plots$$|(train\.)?(box_recall|mask_abo|superpixel|instances|per_image)|iou_' \
	    --keep '^(ap_r_|box_ap|mean_)'

# The documentation as pages: site/index.html.
site: $(VENV)/ready
	NO_MKDOCS_2_WARNING=1 "$(BIN)/mkdocs" build

# The model that comes with the package, for `hypercolumns demo`, from the default run.
demo-model: run
	"$(BIN)/python" -m tests.demo_model

check: $(VENV)/ready
	"$(BIN)/ruff" check .
	"$(BIN)/ruff" format --check .
	"$(BIN)/mypy"

# DVC keeps its state beside that of git. Say so now, not after minutes of installation.
git-checkout:
	@git rev-parse --is-inside-work-tree > /dev/null 2>&1 || { \
	    echo "This folder is not a git checkout, which DVC needs. Clone the repository instead of unpacking an archive," >&2; \
	    echo "or make one here: git init && git add --all && git commit --message start" >&2; exit 1; }

$(VENV)/ready: requirements.txt pyproject.toml
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || { \
	    echo "Python 3.11 or newer is needed, and $(PYTHON) is $$("$(PYTHON)" --version 2>&1 || echo missing)." >&2; \
	    echo "Install one and name it: make PYTHON=python3.11" >&2; exit 1; }
	"$(PYTHON)" -m venv $(VENV)
	"$(BIN)/python" -m pip install --quiet --upgrade pip
	"$(BIN)/python" -m pip install --quiet --requirement requirements.txt
	"$(BIN)/python" -m pip install --quiet --no-deps --editable .
	touch $@

# What runs keep for later ones. Without it they take longer and give the same results.
clean:
	rm -rf .scratch

distclean: clean
	rm -rf $(VENV) $(VENV)-lowest
