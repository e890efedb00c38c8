"""A saved model is read back unchanged, and anything else is refused."""

from pathlib import Path

import numpy as np
import pytest

from hypercolumns.errors import InputError
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.model import GridModel
from tests.grid.conftest import random_model


def test_a_saved_model_is_read_back_unchanged(tmp_path: Path) -> None:
    """Every field of the model survives a round trip through a file."""
    model = random_model(("fine", "vector"), grid=2)
    model.save(tmp_path / "model.zarr")
    read = GridModel.open(tmp_path / "model.zarr")
    for field in ("spec", "heat_map", "targets", "groups", "group_of_category"):
        assert getattr(read, field) == getattr(model, field)
    assert list(read.weights) == list(model.weights)
    for layer, weights in model.weights.items():
        assert read.weights[layer].dtype == weights.dtype
        assert np.array_equal(read.weights[layer], weights)
    assert np.array_equal(read.bias, model.bias)


def test_selecting_targets_keeps_their_classifiers() -> None:
    """Targets are selected and ordered by the indices, along with their weights and biases."""
    model = random_model(("fine",), grid=2, targets=3)
    selected = model.select_targets(np.array([2, 0]))
    assert selected.targets == ("target 2", "target 0")
    assert np.array_equal(selected.weights["fine"], model.weights["fine"][:, [2, 0]])
    assert np.array_equal(selected.bias, model.bias[:, [2, 0]])


@pytest.mark.parametrize("content", [None, "folder", "feature store"])
def test_anything_else_is_refused(content: str | None, store: FeatureStore, tmp_path: Path) -> None:
    """A missing path, an empty folder and a store of another kind raise an error that names the path."""
    path = tmp_path / "model.zarr"
    if content == "folder":
        path.mkdir()
    if content == "feature store":
        path.symlink_to(store.path)
    with pytest.raises(InputError, match=r"model\.zarr"):
        GridModel.open(path)
