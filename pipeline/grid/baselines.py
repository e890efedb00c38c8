"""The models that a task is compared with: what hypercolumns and the grid each add. Paper, ablations."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.grid.spec import GridSpec

NAMES = ("top_layer", "k1")
"""The top layer alone, and one classifier for all locations."""


def baseline_specs(layers: Sequence[str], grid: int) -> dict[str, GridSpec]:
    """The baselines of `grid` x `grid` classifiers on `layers`, which go from fine to coarse, by name."""
    return dict(zip(NAMES, (GridSpec(tuple(layers[-1:]), grid), GridSpec(tuple(layers), 1)), strict=True))


def baseline_files(folder: Path, suffix: str) -> dict[str, Path]:
    """By name, what is there of the baselines in `folder`."""
    paths = {name: folder / f"{name}{suffix}" for name in NAMES}
    return {name: path for name, path in paths.items() if path.exists()}
