"""Files of several shards."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hypercolumns.features.store import FeatureStore
from hypercolumns.grid import remote, shard_files
from hypercolumns.grid.shard_files import ShardPart
from hypercolumns.grid.standardise import add_moments
from hypercolumns.places.place import place_at
from tests.grid.conftest import SGD_SETTINGS, LinearTask, lay_out_maps, lay_out_samples, make_problem

both_solvers = pytest.mark.parametrize("solver", ["sgd", "exact"])


@both_solvers
def test_the_number_of_shards_in_a_file_does_not_change_a_fit(store: FeatureStore, tmp_path: Path, solver: str) -> None:
    lay_out = lay_out_samples if solver == "sgd" else lay_out_maps
    files, moments = lay_out(store, tmp_path, LinearTask(store))
    settings = SGD_SETTINGS.model_copy(update={"solver": solver})
    expected = remote.fit_cell(make_problem(files, moments, settings))
    together = replace(files, place=place_at(tmp_path / "together"), shards_per_file=2)
    together.begin(tmp_path / "targets.zarr")
    assert (files.n_files, together.n_files) == (2, 1)
    found = remote.fit_cell(make_problem(together, add_moments(together.lay_out(0)), settings))
    assert expected is not None
    assert found is not None
    assert np.array_equal(found.weights, expected.weights)
    assert np.array_equal(found.bias, expected.bias)


@both_solvers
def test_a_file_has_the_bytes_that_were_planned(
    store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, solver: str
) -> None:
    """As many shards as fit share a file: both, or one if the limit is a byte less than both need."""
    files, _ = (lay_out_samples if solver == "sgd" else lay_out_maps)(store, tmp_path, LinearTask(store))
    with files.open(0) as file:
        numbers = {name: np.prod(file.shape(name)) for name in (*store.layers, shard_files.LABELS)}
    shard_bytes = int(sum(n * (1 if name == shard_files.LABELS else 2) for name, n in numbers.items()))
    for limit, expected in ((2 * shard_bytes, 2), (2 * shard_bytes - 1, 1)):
        monkeypatch.setattr(shard_files, "FILE_BYTES", limit)
        assert files.with_full_files(store, 1).shards_per_file == expected


def test_what_every_task_carries_does_not_grow_with_the_regions(store: FeatureStore, tmp_path: Path) -> None:
    files, _ = lay_out_maps(store, tmp_path, LinearTask(store))
    large = replace(files, n_regions=10**6)
    assert len(pickle.dumps(large)) < len(pickle.dumps(files)) + 10
    assert large.parts(slice(640_010, 640_130)) == [
        ShardPart(10_000, slice(10, 64)),
        ShardPart(10_001, slice(0, 64)),
        ShardPart(10_002, slice(0, 2)),
    ]
    assert files.parts(slice(70, 90)) == [ShardPart(1, slice(6, 26))]
    assert files.parts(slice(64, 64)) == []
