"""Block trick and windows must not change an answer: all against the method spelled out on whole hypercolumns."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.model import GridModel
from hypercolumns.grid.scoring import heat_maps
from hypercolumns.grid.spec import GridSpec
from tests.grid.conftest import SHAPES, make_store

SIZE = 20


def random_model(layers: tuple[str, ...], grid: int, targets: int = 2, groups: int = 1) -> GridModel:
    rng = np.random.default_rng(grid)
    shape = (groups, targets, grid * grid)
    return GridModel(
        spec=GridSpec(layers, grid),
        heat_map=SIZE,
        targets=tuple(f"target {i}" for i in range(targets)),
        groups=tuple(f"group {i}" for i in range(groups)),
        group_of_category={1: 0},
        weights={name: rng.normal(0, 0.3, (*shape, SHAPES[name][0])).astype(np.float32) for name in layers},
        bias=rng.normal(size=shape).astype(np.float32),
    )


def spelled_out(model: GridModel, columns: NDArray[np.float32], blending: str) -> NDArray[np.float64]:
    """Upsample, then classify: every one of the K x K classifiers at every location, blended bilinearly."""
    grid = model.spec.grid
    weights = np.concatenate([model.weights[name] for name in model.spec.layers], axis=-1)[0].astype(np.float64)
    logits = np.einsum("ryxc,tkc->rtkyx", columns.astype(np.float64), weights) + model.bias[0][None, :, :, None, None]
    answers = 1 / (1 + np.exp(-logits)) if blending == "probability" else logits
    blended = np.zeros((len(columns), len(model.targets), SIZE, SIZE))
    for y in range(SIZE):
        for x in range(SIZE):
            v = np.clip((y + 0.5) * grid / SIZE - 0.5, 0, grid - 1)
            u = np.clip((x + 0.5) * grid / SIZE - 0.5, 0, grid - 1)
            for a in range(grid):
                for b in range(grid):
                    share = max(0, 1 - abs(v - a)) * max(0, 1 - abs(u - b))
                    blended[:, :, y, x] += share * answers[:, :, a * grid + b, y, x]
    return blended if blending == "probability" else 1 / (1 + np.exp(-blended))


@pytest.mark.parametrize("blending", ["probability", "logit"])
@pytest.mark.parametrize("grid", [1, 2, 3, 5, 10, 20])
@pytest.mark.parametrize("layers", [("fine", "coarse", "vector"), ("vector",), ("coarse", "fine")])
def test_classify_then_upsample_equals_upsample_then_classify(
    tmp_path: Path, layers: tuple[str, ...], grid: int, blending: str
) -> None:
    store = make_store(tmp_path / "store.zarr", 3)
    model = random_model(layers, grid)
    blocks = {name: store.read(name, slice(0, 3)) for name in layers}
    answer = heat_maps(model, 0, blocks, blending)  # type: ignore[arg-type]
    expected = spelled_out(model, store.hypercolumns(slice(0, 3), SIZE, layers).compute(), blending)
    assert answer.shape == (3, 2, SIZE, SIZE)
    np.testing.assert_allclose(answer, expected, rtol=1e-5, atol=1e-6)


def test_one_cell_is_plain_logistic_regression(store: FeatureStore) -> None:
    model = random_model(("fine", "vector"), 1)
    blocks = {name: store.read(name, slice(0, 2)) for name in model.spec.layers}
    columns = store.hypercolumns(slice(0, 2), SIZE, model.spec.layers).compute()
    weights = np.concatenate([model.weights["fine"], model.weights["vector"]], axis=-1)[0, :, 0]
    logits = np.einsum("ryxc,tc->rtyx", columns, weights) + model.bias[0, :, 0][None, :, None, None]
    np.testing.assert_allclose(heat_maps(model, 0, blocks), 1 / (1 + np.exp(-logits)), rtol=1e-5, atol=1e-6)


def test_logit_blending_is_one_classifier_with_interpolated_weights(store: FeatureStore) -> None:
    """Interpolating the weight vectors over the heat map gives every location its own classifier: the same logits."""
    from hypercolumns.regions.interpolation import interpolation_matrix

    model = random_model(("coarse",), 4, targets=1)
    blocks = {"coarse": store.read("coarse", slice(0, 2))}
    columns = store.hypercolumns(slice(0, 2), SIZE, ("coarse",)).compute()
    cells = np.kron(interpolation_matrix(4, SIZE), interpolation_matrix(4, SIZE))
    weights = (cells @ model.weights["coarse"][0, 0]).reshape(SIZE, SIZE, -1)
    bias = (cells @ model.bias[0, 0]).reshape(SIZE, SIZE)
    logits = np.einsum("ryxc,yxc->ryx", columns, weights) + bias
    answer = heat_maps(model, 0, blocks, "logit")[:, 0]
    np.testing.assert_allclose(answer, 1 / (1 + np.exp(-logits)), rtol=1e-5, atol=1e-6)
