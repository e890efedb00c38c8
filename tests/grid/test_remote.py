"""Workers leave nothing open, and report errors only while the client is there to see them."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hypercolumns.errors import InputError
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid import remote
from hypercolumns.grid.exact.maps import MapFiles
from hypercolumns.grid.standardise import Moments
from hypercolumns.places.place import place_at
from tests.grid.conftest import SGD_SETTINGS, LinearTask, lay_out_maps, lay_out_samples, make_problem
from tests.object_store.server import S3Server


@pytest.mark.skipif(sys.platform != "linux", reason="lists the files that the process has open")
@pytest.mark.parametrize("solver", ["sgd", "exact"])
def test_a_fit_leaves_no_file_open(store: FeatureStore, tmp_path: Path, solver: str) -> None:
    """An open file, as large as the store, would keep its disk space as long as the worker lives."""
    lay_out = lay_out_samples if solver == "sgd" else lay_out_maps
    settings = SGD_SETTINGS.model_copy(update={"solver": solver})
    fit = remote.fit_cell(make_problem(*lay_out(store, tmp_path, LinearTask(store)), settings))
    assert fit is not None
    assert fit.weights.any()
    opened = [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()]
    assert not [path for path in opened if path.startswith(str(tmp_path))]


@pytest.mark.parametrize("in_bucket", [False, True])
def test_errors_are_ignored_only_after_the_client_has_gone(
    store: FeatureStore, tmp_path: Path, bucket: S3Server, in_bucket: bool
) -> None:
    """A single missing file is an error; if none is there, the client has removed them and left."""
    files, moments = lay_out_samples(store, tmp_path, LinearTask(store))
    if in_bucket:
        files = replace(files, place=place_at(bucket.url))
        files.begin(tmp_path / "targets.zarr")
    problem = make_problem(files, moments)
    files.discard(0)
    with pytest.raises(InputError, match=r"0\.safetensors is damaged: it is missing"):
        remote.fit_cell(problem)
    files.remove()
    assert remote.fit_cell(problem) is None
    assert remote.lay_out_file(files, 0) is None


@pytest.mark.parametrize("in_bucket", [False, True])
def test_a_file_that_is_finished_after_the_client_has_gone_is_deleted(
    store: FeatureStore, tmp_path: Path, bucket: S3Server, monkeypatch: pytest.MonkeyPatch, in_bucket: bool
) -> None:
    """Nobody else would delete it."""
    files, _ = lay_out_maps(store, tmp_path, LinearTask(store))
    if in_bucket:
        files = replace(files, place=place_at(bucket.url))
        files.begin(tmp_path / "targets.zarr")
    lay_out = MapFiles.lay_out

    def slow_lay_out(self: MapFiles, file: int) -> list[dict[str, Moments]]:
        moments = lay_out(self, file)
        written = self.place.read(self.name(file))
        self.remove()
        self.place.write(self.name(file), written)
        return moments

    monkeypatch.setattr(MapFiles, "lay_out", slow_lay_out)
    assert remote.lay_out_file(files, 0) is None
    assert files.place.sizes() == {}
