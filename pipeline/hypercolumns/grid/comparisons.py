"""Grids to compare with: subsets of layers and other K for the ablation, and two baselines. Paper, ablations."""

from collections.abc import Sequence
from pathlib import Path

from hypercolumns.grid.spec import GridSpec

BASELINES = ("top_layer", "k1")
"""Names of the baselines: the top layer alone, and one classifier for all locations."""


def ablation_specs(layers: Sequence[str], grid: int, grids: Sequence[int]) -> dict[str, GridSpec]:
    """Grids of the ablation: all layers with every K, each layer alone, and all layers but one.

    Parameters
    ----------
    layers
        Layers from fine to coarse; the last one is the top layer, whose grid alone is the baseline of the paper.
    grid
        Cells per side (K) of the grids that use some of the layers.
    grids
        Every K of the grids that use all layers; `grid` is added.

    Returns
    -------
    Specifications by name, without duplicates.

    Examples
    --------
    >>> list(ablation_specs(["pool2", "fc7"], grid=5, grids=[1, 5]))
    ['all layers, K = 1', 'all layers, K = 5', 'pool2 alone', 'fc7 alone (top layer)']
    """
    everything = tuple(layers)
    specs = {f"all layers, K = {k}": GridSpec(everything, k) for k in sorted({*grids, grid})}
    if len(everything) > 1:
        specs |= {f"{layer} alone": GridSpec((layer,), grid) for layer in everything[:-1]}
        specs[f"{everything[-1]} alone (top layer)"] = GridSpec(everything[-1:], grid)
    if len(everything) > 2:
        specs |= {f"without {out}": GridSpec(tuple(k for k in everything if k != out), grid) for out in everything}
    return specs


def baseline_specs(layers: Sequence[str], grid: int) -> dict[str, GridSpec]:
    """Specifications of the baselines of a `grid` x `grid` model on `layers` (from fine to coarse), by name.

    Examples
    --------
    >>> baseline_specs(["pool2", "fc7"], grid=5)["top_layer"]
    GridSpec(layers=('fc7',), grid=5)
    """
    return dict(zip(BASELINES, (GridSpec(tuple(layers[-1:]), grid), GridSpec(tuple(layers), 1)), strict=True))


def baseline_files(folder: Path, suffix: str) -> dict[str, Path]:
    """Files of the baselines that exist in `folder`, by name of the baseline."""
    paths = {name: folder / f"{name}{suffix}" for name in BASELINES}
    return {name: path for name, path in paths.items() if path.exists()}
