"""The benchmark of a million regions, with a few hundred."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from distributed import Client

from benchmarks import measuring, million
from benchmarks.inputs import synthetic_data_set
from benchmarks.results import read_section
from hypercolumns.features.writer import require_sorted
from hypercolumns.parameters import ComputeParameters
from tests.benchmarks.test_benchmarks import PoolInThisProcess


@contextmanager
def _connect_to_threads(compute: ComputeParameters, _modules: Sequence[str]) -> Iterator[Client]:
    """Stand in for `connect`, with workers in this process."""
    with Client(processes=False, n_workers=compute.workers, threads_per_worker=1, dashboard_address=None) as client:
        yield client


def test_the_command_measures_every_step_and_records_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "ProcessPoolExecutor", PoolInThisProcess)
    monkeypatch.setattr(million, "connect", _connect_to_threads)
    results, folder = tmp_path / "million.json", tmp_path / "stores"
    folder.mkdir()
    options = ["--regions", "200", "--smaller", "70", "--workers", "1", "--folder", str(folder)]
    done = CliRunner().invoke(million.main, [*options, "--results", str(results)], catch_exceptions=False)
    assert done.exit_code == 0
    section = read_section(results)
    assert all(math.isfinite(figure.value) and figure.value >= 0 for figure in section.figures)
    assert {figure.name.split(":")[0] for figure in section.figures} == {"200 regions", *million.STEPS}
    # Far fewer regions than goals are meant for, so that only the figures with a bound on bytes are certain.
    assert section.value("200 regions: most bytes on disk") < 0.1
    assert "| met |" in done.output
    assert list(folder.iterdir()) == []
    assert million.sections(results) == [section]
    assert million.sections(tmp_path / "none.json") == []


def test_a_missed_goal_does_not_fail_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "ProcessPoolExecutor", PoolInThisProcess)
    monkeypatch.setattr(million, "CLIENT_BYTES", million.Goal("at most", 0))
    options = ["--regions", "8", "--smaller", "4", "--step", "open", "--folder", str(tmp_path)]
    done = CliRunner().invoke(million.main, [*options, "--results", str(tmp_path / "million.json")])
    assert done.exit_code == 0
    assert "at most 0 | **missed** |" in done.output


def test_the_data_set_is_one_that_a_store_accepts() -> None:
    regions, annotations = synthetic_data_set(1000, 7, 20)
    require_sorted(regions)
    assert set(regions["category"]) == {category.id for category in annotations.categories}
    assert set(regions["image"]) <= set(annotations.image_by_id)
    assert np.unique(regions["kind"], return_counts=True)[1].tolist() == [333, 334, 333]


def test_peaks_are_those_of_this_process_and_of_its_children() -> None:
    with measuring.watching() as peaks:
        held = np.ones(2**24)
        inner = measuring.in_new_process(_hold, 2**25)
    assert peaks.own >= held.nbytes
    assert peaks.child > 0.9 * inner.peak
    assert inner.peak > 0.9 * 2**28


def _hold(count: int) -> None:
    np.ones(count)
