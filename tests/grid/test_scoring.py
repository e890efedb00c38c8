"""Scoring at map resolution gives the answers of the plain method, which classifies upsampled hypercolumns."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.model import GridModel
from hypercolumns.grid.scoring import heat_maps
from hypercolumns.regions.interpolation import interpolation_matrix
from tests.grid.conftest import SIZE, make_store, random_model


def plain_heat_maps(model: GridModel, hypercolumns: NDArray[np.float32], blending: str) -> NDArray[np.float64]:
    """Apply every one of the K x K classifiers at every location, then blend the answers bilinearly."""
    grid = model.spec.grid
    weights = np.concatenate([model.weights[name] for name in model.spec.layers], axis=-1)[0].astype(np.float64)
    logits = (
        np.einsum("ryxc,tkc->rtkyx", hypercolumns.astype(np.float64), weights) + model.bias[0][None, :, :, None, None]
    )
    answers = 1 / (1 + np.exp(-logits)) if blending == "probability" else logits
    blended = np.zeros((len(hypercolumns), len(model.targets), SIZE, SIZE))
    for y in range(SIZE):
        for x in range(SIZE):
            v = np.clip((y + 0.5) * grid / SIZE - 0.5, 0, grid - 1)
            u = np.clip((x + 0.5) * grid / SIZE - 0.5, 0, grid - 1)
            for a in range(grid):
                for b in range(grid):
                    weight = max(0, 1 - abs(v - a)) * max(0, 1 - abs(u - b))
                    blended[:, :, y, x] += weight * answers[:, :, a * grid + b, y, x]
    return blended if blending == "probability" else 1 / (1 + np.exp(-blended))


@pytest.mark.parametrize("blending", ["probability", "logit"])
@pytest.mark.parametrize("grid", [1, 2, 3, 5, 10, 20])
@pytest.mark.parametrize("layers", [("fine", "coarse", "vector"), ("vector",), ("coarse", "fine")])
def test_heat_maps_equal_the_plain_method(tmp_path: Path, layers: tuple[str, ...], grid: int, blending: str) -> None:
    """Classifying and then upsampling equals upsampling and then classifying."""
    store = make_store(tmp_path / "store.zarr", 3)
    model = random_model(layers, grid)
    blocks = {name: store.read(name, slice(0, 3)) for name in layers}
    found = heat_maps(model, 0, blocks, blending)  # type: ignore[arg-type]
    expected = plain_heat_maps(model, store.hypercolumns(slice(0, 3), SIZE, layers).compute(), blending)
    assert found.shape == (3, 2, SIZE, SIZE)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_one_cell_is_logistic_regression(store: FeatureStore) -> None:
    """With K = 1, one classifier answers at all locations and nothing is blended."""
    model = random_model(("fine", "vector"), 1)
    blocks = {name: store.read(name, slice(0, 2)) for name in model.spec.layers}
    hypercolumns = store.hypercolumns(slice(0, 2), SIZE, model.spec.layers).compute()
    weights = np.concatenate([model.weights["fine"], model.weights["vector"]], axis=-1)[0, :, 0]
    logits = np.einsum("ryxc,tc->rtyx", hypercolumns, weights) + model.bias[0, :, 0][None, :, None, None]
    np.testing.assert_allclose(heat_maps(model, 0, blocks), 1 / (1 + np.exp(-logits)), rtol=1e-5, atol=1e-6)


def test_blending_logits_equals_interpolating_weights(store: FeatureStore) -> None:
    """A classifier per location, with weights interpolated between the cells, gives the same answers."""
    model = random_model(("coarse",), 4, targets=1)
    blocks = {"coarse": store.read("coarse", slice(0, 2))}
    hypercolumns = store.hypercolumns(slice(0, 2), SIZE, ("coarse",)).compute()
    cells = np.kron(interpolation_matrix(4, SIZE), interpolation_matrix(4, SIZE))
    weights = (cells @ model.weights["coarse"][0, 0]).reshape(SIZE, SIZE, -1)
    bias = (cells @ model.bias[0, 0]).reshape(SIZE, SIZE)
    logits = np.einsum("ryxc,yxc->ryx", hypercolumns, weights) + bias
    found = heat_maps(model, 0, blocks, "logit")[:, 0]
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-logits)), rtol=1e-5, atol=1e-6)
