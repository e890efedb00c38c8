"""Workers leave nothing open, and report errors only while the client is there to see them."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from hypercolumns.features.store import FeatureStore
from hypercolumns.grid import remote
from hypercolumns.grid.exact.maps import MapFiles
from hypercolumns.grid.problem import CellProblem
from hypercolumns.grid.sgd.samples import SampleFiles
from hypercolumns.grid.standardise import Moments, Standardisation
from tests.grid.conftest import SGD_SETTINGS, LinearTask, lay_out_maps, lay_out_samples


def first_cell(files: SampleFiles | MapFiles, moments: dict[str, Moments], solver: str) -> CellProblem:
    """Make the problem of the first of 2 x 2 cells, for all 90 regions."""
    return CellProblem(
        files=files,
        grid=2,
        cell=0,
        rows=slice(0, 90),
        standardisation=Standardisation.fit(moments, files.layers),
        n_targets=1,
        settings=SGD_SETTINGS.model_copy(update={"solver": solver}),
        seed=0,
        device="cpu",
    )


@pytest.mark.skipif(sys.platform != "linux", reason="lists the files that the process has open")
@pytest.mark.parametrize("solver", ["sgd", "exact"])
def test_a_fit_leaves_no_file_open(store: FeatureStore, tmp_path: Path, solver: str) -> None:
    """An open file, as large as the store, would keep its disk space as long as the worker lives."""
    lay_out = lay_out_samples if solver == "sgd" else lay_out_maps
    files, moments = lay_out(store, tmp_path, LinearTask(store))
    assert remote.fit_cell(first_cell(files, moments, solver)).weights.any()
    opened = [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()]
    assert not [path for path in opened if path.startswith(str(tmp_path))]


def test_errors_are_ignored_only_after_the_client_has_gone(store: FeatureStore, tmp_path: Path) -> None:
    """A single missing file is an error; a missing folder means that the client has removed it and left."""
    files, moments = lay_out_samples(store, tmp_path, LinearTask(store))
    problem = first_cell(files, moments, "sgd")
    files.file(0).unlink()
    with pytest.raises(FileNotFoundError):
        remote.fit_cell(problem)
    shutil.rmtree(files.folder)
    assert not remote.fit_cell(problem).weights.size
    assert not remote.lay_out_shard(files, 0)
