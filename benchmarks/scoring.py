"""Scoring: blockwise against upsample-then-classify, for T-Net and K = 10."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from benchmarks.figures import Figure, Goal, Section
from benchmarks.inputs import T_NET, activations, channels, dense_bytes
from benchmarks.measuring import apart, interleaved, ratio
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
    """Speed, memory and agreement of three ways to the same heat maps."""
    times, difference = apart(_race, sizes).result
    peaks = {name: apart(_run, name, sizes.scoring_regions).peak for name in WAYS}
    own = {name: float(np.median(values)) / sizes.scoring_regions * 1e3 for name, values in times.items()}
    bandwidth_bound = _map_bytes() / 1e6
    found = [
        Figure(
            "blockwise, per region",
            own["blockwise"],
            "ms",
            f"reads {bandwidth_bound:.2f} MB of blocks; all cells {own['all cells']:.1f} ms, four cells "
            f"{own['four cells']:.1f} ms",
        ),
        Figure("largest relative difference between the ways", difference, "x", goal=Goal("at most", 1e-5)),
    ]
    for name, words in (("all cells", "all K x K classifiers everywhere"), ("four cells", "the four that matter")):
        found += [
            Figure(
                f"faster than upsampling and applying {words}",
                ratio(times[name], times["blockwise"]),
                "x",
                f"{own[name]:.1f} and {own['blockwise']:.2f} ms per region",
                Goal("at least", 20),
            ),
            Figure(
                f"less memory than upsampling and applying {words}",
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
        "way upsamples every block with torch, concatenates (one region at a time), applies the classifiers of all "
        "cells in one matrix product and blends; the smarter one applies to each location only the four classifiers "
        f"that have a share. Dense hypercolumns of a region are {dense_bytes(T_NET) / 1e6:.2f} MB.",
        tuple(found),
    )


def upsample_all_cells(model: GridModel, blocks: Blocks) -> NDArray[np.float32]:
    """Heat maps by every classifier at every location of dense hypercolumns; (region, size, size)."""
    weights, bias, shares = _dense(model)
    answers = []
    for row in range(len(next(iter(blocks.values())))):
        columns = _hypercolumns(model, blocks, row)
        said = torch.sigmoid(weights @ columns + bias[:, None])
        answers.append((shares * said).sum(dim=0))
    return torch.stack(answers).reshape(-1, model.heat_map, model.heat_map).numpy()


def upsample_four_cells(model: GridModel, blocks: Blocks) -> NDArray[np.float32]:
    """The same, a classifier applied only where its share is not zero."""
    weights, bias, shares = _dense(model)
    seen = [torch.nonzero(share).squeeze(1) for share in shares]
    answers = []
    for row in range(len(next(iter(blocks.values())))):
        columns = _hypercolumns(model, blocks, row).T.contiguous()
        answer = torch.zeros(model.heat_map**2)
        for cell, at in enumerate(seen):
            answer[at] += shares[cell, at] * torch.sigmoid(columns[at] @ weights[cell] + bias[cell])
        answers.append(answer)
    return torch.stack(answers).reshape(-1, model.heat_map, model.heat_map).numpy()


def blockwise(model: GridModel, blocks: Blocks) -> NDArray[np.float32]:
    """The pipeline's way."""
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
    """(channel, location) of one region."""
    maps = [torch.from_numpy(blocks[layer][row : row + 1]).float() for layer in model.spec.layers]
    size = (model.heat_map, model.heat_map)
    return torch.cat([interpolate(m, size, mode="bilinear", align_corners=False)[0].flatten(1) for m in maps])


def _race(sizes: Sizes) -> tuple[dict[str, NDArray[np.float64]], float]:
    case = _make(sizes.scoring_regions)
    expected = upsample_all_cells(*case)
    others = [way(*case) for way in WAYS.values()]
    difference = max(float((np.abs(other - expected) / expected).max()) for other in others)
    times = interleaved({name: _bound(way, case) for name, way in WAYS.items()}, sizes.repeats)
    return times, difference


def _bound(way: Callable[[GridModel, Blocks], object], case: _Case) -> Callable[[], object]:
    return lambda: way(*case)


def _run(name: str, regions: int) -> None:
    WAYS[name](*_make(regions))


def _make(regions: int) -> _Case:
    rng = np.random.default_rng(0)
    shape = (1, 1, GRID * GRID)
    scale = 1 / np.sqrt(channels(T_NET))
    weights = {layer: rng.normal(0, scale, (*shape, s[0])).astype(np.float32) for layer, s in T_NET.items()}
    bias = rng.normal(size=shape).astype(np.float32)
    model = GridModel(GridSpec(tuple(T_NET), GRID), SIZE, ("figure",), ("shared",), {1: 0}, weights, bias)
    return _Case(model, {layer: activations(rng, regions, s) for layer, s in T_NET.items()})


def _map_bytes() -> int:
    return 2 * sum(int(np.prod(shape)) for shape in T_NET.values())
