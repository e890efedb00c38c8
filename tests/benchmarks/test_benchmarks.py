"""Every benchmark runs, on sizes too small to time, and gives finite figures; the ways that it compares agree."""

import json
import math
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from distributed import Client

from benchmarks import growth, measuring, scaling, table
from benchmarks.__main__ import SUBJECTS
from benchmarks.figures import Figure, Goal, Section
from benchmarks.sizes import TINY
from pipeline.parameters import ComputeParameters


class _Here:
    """In place of a pool: calls at once in this process, since starting another one takes seconds."""

    def __init__(self, *_args: object, **_options: object) -> None: ...
    def __enter__(self) -> "_Here":
        return self

    def __exit__(self, *_error: object) -> None: ...
    def submit(self, function: Callable[..., object], *args: object) -> "Future[object]":
        done: Future[object] = Future()
        done.set_result(function(*args))
        return done


@contextmanager
def _threads(compute: ComputeParameters) -> Iterator[Client]:
    """Workers in this process."""
    with Client(processes=False, n_workers=compute.workers, threads_per_worker=1, dashboard_address=None) as client:
        yield client


@pytest.mark.parametrize("subject", list(SUBJECTS))
def test_a_benchmark_gives_finite_figures(subject: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(measuring, "ProcessPoolExecutor", _Here)
    monkeypatch.setattr(growth, "connect", _threads)
    section = SUBJECTS[subject](TINY)
    assert section.figures
    assert section.settings
    assert all(math.isfinite(figure.value) for figure in section.figures)
    names = [figure.name for figure in section.figures]
    assert len(set(names)) == len(names)
    if subject == "scoring":
        # Not a time: three implementations of the same heat maps.
        assert section.value("largest relative difference between the ways") <= 1e-5


def test_a_peak_is_what_a_call_held_beyond_what_was_there() -> None:
    size = 64 * 2**20
    cost = measuring.apart(np.ones, size, np.uint8)
    assert len(cost.result) == size
    assert 0.98 * size <= cost.peak < 1.5 * size  # pages are counted in batches, so that some are missing


def test_rounds_take_turns_and_the_first_does_not_count() -> None:
    calls: list[str] = []
    times = measuring.interleaved({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, 2)
    assert "".join(calls) == "baabba"
    assert {name: len(values) for name, values in times.items()} == {"a": 2, "b": 2}


def test_a_missed_goal_is_named_with_its_reason(tmp_path: Path) -> None:
    kept = Figure("kept", 2.0, "x", goal=Goal("at least", 1.5), reason="never shown")
    missed = Figure("missed", 2.0, "x", "1 of 2 MB/s", Goal("at most", 1.5), "the disk is slow")
    table.write_page(tmp_path / "page.md", [Section("Subject", "Settings.", (kept, missed), ("No GPU.",))], TINY)
    table.write_json(tmp_path / "results.json", [Section("Subject", "Settings.", (kept, missed))], TINY)
    page = (tmp_path / "page.md").read_text()
    assert "Goals met: 1 of 2." in page
    assert "- missed: 2 x, goal at most 1.5; the disk is slow." in page
    assert "never shown" not in page
    assert "- Not measured: No GPU." in page
    read = json.loads((tmp_path / "results.json").read_text())
    assert [figure["missed"] for figure in read["sections"][0]["figures"]] == [False, True]


def test_costs_of_data_sets_are_slopes_times_regions(tmp_path: Path) -> None:
    def section(name: str, value: float) -> Section:
        return Section("", "", (Figure(name, value, ""),))

    sections = {
        "store": section("EfficientNet-Lite0: stored bytes per region", 0.5),
        "extraction": section("EfficientNet-Lite0, CPU: regions per second", 100.0),
        "growth": section("train and predict, per region on one core", 3.6),
    }
    scaling.write_page(tmp_path / "scaling.md", sections, 2)
    last = next(line for line in (tmp_path / "scaling.md").read_text().splitlines() if "100 million regions |" in line)
    assert "| 100,000,000 | 50 TB | 35.5 TB |" in last
    assert "| 556 | 2.8 | 100 |" in last
