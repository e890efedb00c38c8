"""Grids to compare with: layers and K for the ablation, and the two baselines of a task. Paper, ablations."""

from collections.abc import Sequence
from pathlib import Path

from hypercolumns.grid.spec import GridSpec

BASELINES = ("top_layer", "k1")
"""The top layer alone, and one classifier for all locations."""


def ablation_specs(layers: Sequence[str], grid: int, grids: Sequence[int]) -> dict[str, GridSpec]:
    """All layers with each of `grids`; with `grid` cells per side each layer alone and all but each one.

    `layers` go from fine to coarse; the last alone is the top layer, the baseline of the paper.

    Returns
    -------
    The specifications by name, without repeats.

    Examples
    --------
    >>> list(ablation_specs(["pool2", "fc7"], grid=5, grids=[1, 5]))
    ['all layers, K = 1', 'all layers, K = 5', 'pool2 alone', 'fc7 alone (top layer)']
    """
    everything = tuple(layers)
    named = {f"all layers, K = {k}": GridSpec(everything, k) for k in sorted({*grids, grid})}
    if len(everything) > 1:
        named |= {f"{layer} alone": GridSpec((layer,), grid) for layer in everything[:-1]}
        named[f"{everything[-1]} alone (top layer)"] = GridSpec(everything[-1:], grid)
    if len(everything) > 2:
        named |= {f"without {out}": GridSpec(tuple(k for k in everything if k != out), grid) for out in everything}
    return named


def baseline_specs(layers: Sequence[str], grid: int) -> dict[str, GridSpec]:
    """The baselines of `grid` x `grid` classifiers on `layers`, which go from fine to coarse, by name."""
    return dict(zip(BASELINES, (GridSpec(tuple(layers[-1:]), grid), GridSpec(tuple(layers), 1)), strict=True))


def baseline_files(folder: Path, suffix: str) -> dict[str, Path]:
    """The files of the baselines in `folder`, by name; those that are missing are left out."""
    paths = {name: folder / f"{name}{suffix}" for name in BASELINES}
    return {name: path for name, path in paths.items() if path.exists()}
