"""The torch module computes what `heat_maps` does."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from hypercolumns import GridModel, InputError, heat_maps
from hypercolumns.export.grids import Grids
from tests.grid.conftest import SHAPES, random_model

SIZES = {layer: shape[1:] for layer, shape in SHAPES.items()}
REGIONS = 5


def random_blocks(layers: tuple[str, ...]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {layer: rng.normal(1, 2, (REGIONS, *SHAPES[layer])).astype(np.float16) for layer in layers}


def as_maps(blocks: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {layer: torch.from_numpy(block.astype(np.float32)) for layer, block in blocks.items()}


def with_groups(model: GridModel) -> GridModel:
    """Three categories in two groups, whose ids and groups are in different orders."""
    rng = np.random.default_rng(2)
    weights = {
        layer: np.concatenate([w, rng.normal(0, 0.3, w.shape).astype("f4")]) for layer, w in model.weights.items()
    }
    return replace(
        model,
        groups=("alone", "shared"),
        group_of_category={7: 1, 9: 0, 3: 1},
        weights=weights,
        bias=np.concatenate([model.bias, 1 - model.bias]),
    )


@pytest.mark.parametrize("blending", ["probability", "logit"])
@pytest.mark.parametrize("grid", [1, 2, 3, 5, 10, 20])
@pytest.mark.parametrize("layers", [("fine", "coarse", "vector"), ("vector",), ("coarse", "fine")])
def test_one_group(layers: tuple[str, ...], grid: int, blending: str) -> None:
    model, blocks = random_model(layers, grid), random_blocks(layers)
    found = Grids(model, SIZES, blending)(as_maps(blocks))  # type: ignore[arg-type]
    np.testing.assert_allclose(found, heat_maps(model, 0, blocks, blending), rtol=0, atol=1e-5)  # type: ignore[arg-type]


@pytest.mark.parametrize("grid", [1, 3])
def test_each_region_is_answered_by_the_grid_of_its_category(grid: int) -> None:
    layers = ("fine", "coarse", "vector")
    model, blocks = with_groups(random_model(layers, grid)), random_blocks(layers)
    grids = Grids(model, SIZES)
    assert grids.categories == (3, 7, 9)
    category = torch.tensor([2, 0, 1, 2, 0])
    found = grids(as_maps(blocks), category)
    for row, position in enumerate(category.tolist()):
        group = model.group_of_category[grids.categories[position]]
        expected = heat_maps(model, group, {layer: block[row : row + 1] for layer, block in blocks.items()})
        np.testing.assert_allclose(found[row : row + 1], expected, rtol=0, atol=1e-5)


def test_layers_with_maps_of_one_size_are_upsampled_together() -> None:
    """They give what each gives alone: their logits add up."""
    model = random_model(("fine", "coarse"), 2)
    twice = replace(
        model,
        spec=replace(model.spec, layers=("fine", "coarse", "again")),
        weights={**model.weights, "again": model.weights["coarse"]},
    )
    grids = Grids(twice, {**SIZES, "again": SIZES["coarse"]})
    assert len(grids.upsamplings) == 2
    blocks = random_blocks(("fine", "coarse"))
    blocks["again"] = blocks["coarse"][::-1].copy()
    np.testing.assert_allclose(grids(as_maps(blocks)), heat_maps(twice, 0, blocks), rtol=0, atol=1e-5)


def test_the_weights_can_be_trained_further() -> None:
    grids = Grids(random_model(("coarse",), 2), SIZES).requires_grad_()
    grids(as_maps(random_blocks(("coarse",)))).sum().backward()
    assert all(float(parameter.grad.abs().sum()) > 0 for parameter in grids.parameters())


def test_a_layer_without_maps_is_named() -> None:
    with pytest.raises(InputError, match="needs the layer 'fine'; there are maps of coarse"):
        Grids(random_model(("fine",), 1), {"coarse": (4, 4)})


def test_several_grids_need_the_category_of_each_region() -> None:
    grids = Grids(with_groups(random_model(("coarse",), 1)), SIZES)
    with pytest.raises(ValueError, match="category of each region"):
        grids(as_maps(random_blocks(("coarse",))))
