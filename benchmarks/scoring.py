"""Scoring: block by block against upsampling first, for T-Net and K = 10."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from benchmarks.figures import Figure, Goal, Section
from benchmarks.inputs import T_NET, channels, dense_bytes, random_activations
from benchmarks.measuring import in_new_process, interleaved, median_ratio
from benchmarks.sizes import Sizes
from hypercolumns.grid.cells import blending_weights
from hypercolumns.grid.model import GridModel
from hypercolumns.grid.scoring import heat_maps
from hypercolumns.grid.spec import GridSpec

GRID, SIZE = 10, 50

Blocks = Mapping[str, NDArray[np.float16]]


class _Case(NamedTuple):
    model: GridModel
    blocks: Blocks


def figures(sizes: Sizes) -> Section:
    """Measure speed, memory and agreement of three ways to compute the same heat maps."""
    times, difference = in_new_process(_time_all, sizes).result
    peaks = {name: in_new_process(_run, name, sizes.scoring_regions).peak for name in WAYS}
    ms = {name: float(np.median(values)) / sizes.scoring_regions * 1e3 for name, values in times.items()}
    block_bytes = 2 * sum(int(np.prod(shape)) for shape in T_NET.values())
    results = [
        Figure(
            "blockwise, per region",
            ms["blockwise"],
            "ms",
            f"reads {block_bytes / 1e6:.2f} MB of blocks; all cells {ms['all cells']:.1f} ms, four cells "
            f"{ms['four cells']:.1f} ms",
        ),
        Figure("largest relative difference between the ways", difference, "x", goal=Goal("at most", 1e-5)),
    ]
    for name, applied in (("all cells", "all K x K classifiers everywhere"), ("four cells", "the four that matter")):
        results += [
            Figure(
                f"faster than upsampling and applying {applied}",
                median_ratio(times[name], times["blockwise"]),
                "x",
                f"{ms[name]:.1f} and {ms['blockwise']:.2f} ms per region",
                Goal("at least", 20),
            ),
            Figure(
                f"less memory than upsampling and applying {applied}",
                peaks[name] / max(peaks["blockwise"], 1),
                "x",
                f"peaks of {peaks[name] / 1e6:.0f} and {peaks['blockwise'] / 1e6:.0f} MB beyond the input",
                Goal("at least", 1),
            ),
        ]
    return Section(
        "Scoring",
        f"T-Net ({channels(T_NET)} channels), K = {GRID}, heat maps of {SIZE} x {SIZE}, one target, "
        f"{sizes.scoring_regions} regions of random blocks, one thread, probabilities blended. The straightforward "
        "way upsamples every block with torch, concatenates them (one region at a time), applies the classifiers of "
        "all cells in one matrix product and blends the results. A better way applies to each location only the four "
        f"classifiers that have a share there. The dense hypercolumns of a region take {dense_bytes(T_NET) / 1e6:.2f} "
        "MB.",
        tuple(results),
    )


def upsample_all_cells(model: GridModel, blocks: Blocks) -> NDArray[np.float32]:
    """Heat maps (region, size, size) from every classifier at every location of dense hypercolumns."""
    weights, bias, shares = _dense(model)
    heat = []
    for row in range(len(next(iter(blocks.values())))):
        columns = _hypercolumns(model, blocks, row)
        probabilities = torch.sigmoid(weights @ columns + bias[:, None])
        heat.append((shares * probabilities).sum(dim=0))
    return torch.stack(heat).reshape(-1, model.heat_map, model.heat_map).numpy()


def upsample_four_cells(model: GridModel, blocks: Blocks) -> NDArray[np.float32]:
    """Heat maps (region, size, size), where a classifier is applied only if its share is not zero."""
    weights, bias, shares = _dense(model)
    locations = [torch.nonzero(share).squeeze(1) for share in shares]
    heat = []
    for row in range(len(next(iter(blocks.values())))):
        columns = _hypercolumns(model, blocks, row).T.contiguous()
        total = torch.zeros(model.heat_map**2)
        for cell, at in enumerate(locations):
            total[at] += shares[cell, at] * torch.sigmoid(columns[at] @ weights[cell] + bias[cell])
        heat.append(total)
    return torch.stack(heat).reshape(-1, model.heat_map, model.heat_map).numpy()


def blockwise(model: GridModel, blocks: Blocks) -> NDArray[np.float32]:
    """Heat maps (region, size, size) as the pipeline computes them."""
    return heat_maps(model, 0, blocks)[:, 0]


WAYS: Mapping[str, Callable[[GridModel, Blocks], NDArray[np.float32]]] = {
    "all cells": upsample_all_cells,
    "four cells": upsample_four_cells,
    "blockwise": blockwise,
}


def _dense(model: GridModel) -> tuple[Tensor, Tensor, Tensor]:
    """Weights (cell, channel), biases (cell,) and shares (cell, location)."""
    weights = np.concatenate([model.weights[layer][0, 0] for layer in model.spec.layers], axis=1)
    axis = blending_weights(model.heat_map, model.spec.grid)
    shares = np.kron(axis, axis).T.astype(np.float32)
    return torch.from_numpy(weights), torch.from_numpy(model.bias[0, 0]), torch.from_numpy(shares)


def _hypercolumns(model: GridModel, blocks: Blocks, row: int) -> Tensor:
    """Dense hypercolumns (channel, location) of one region."""
    maps = [torch.from_numpy(blocks[layer][row : row + 1]).float() for layer in model.spec.layers]
    size = (model.heat_map, model.heat_map)
    return torch.cat([interpolate(m, size, mode="bilinear", align_corners=False)[0].flatten(1) for m in maps])


def _time_all(sizes: Sizes) -> tuple[dict[str, NDArray[np.float64]], float]:
    """Seconds of every way (repeats,), and the largest relative difference between their heat maps."""
    case = _make_case(sizes.scoring_regions)
    expected = upsample_all_cells(*case)
    difference = max(float((np.abs(way(*case) - expected) / expected).max()) for way in WAYS.values())
    times = interleaved({name: partial(way, *case) for name, way in WAYS.items()}, sizes.repeats)
    return times, difference


def _run(name: str, regions: int) -> None:
    WAYS[name](*_make_case(regions))


def _make_case(regions: int) -> _Case:
    rng = np.random.default_rng(0)
    shape = (1, 1, GRID * GRID)
    scale = 1 / np.sqrt(channels(T_NET))
    weights = {layer: rng.normal(0, scale, (*shape, s[0])).astype(np.float32) for layer, s in T_NET.items()}
    bias = rng.normal(size=shape).astype(np.float32)
    model = GridModel(GridSpec(tuple(T_NET), GRID), SIZE, ("figure",), ("shared",), {1: 0}, weights, bias)
    return _Case(model, {layer: random_activations(rng, regions, s) for layer, s in T_NET.items()})
