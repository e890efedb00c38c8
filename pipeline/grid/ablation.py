"""Which layers and how many cells matter: the grids that are compared on ground-truth boxes."""

from collections.abc import Sequence

from pipeline.grid.spec import GridSpec


def ablation_specs(layers: Sequence[str], grid: int, grids: Sequence[int]) -> dict[str, GridSpec]:
    """All layers with each of `grids`; with `grid` cells per side each layer alone and all but each one.

    `layers` go from fine to coarse; the last alone is the top layer, the baseline of the paper. Returns the
    specifications by name, without repeats. Paper, ablations.
    """
    everything = tuple(layers)
    named = {f"all layers, K = {k}": GridSpec(everything, k) for k in sorted({*grids, grid})}
    if len(everything) > 1:
        named |= {f"{layer} alone": GridSpec((layer,), grid) for layer in everything[:-1]}
        named[f"{everything[-1]} alone (top layer)"] = GridSpec(everything[-1:], grid)
    if len(everything) > 2:
        named |= {f"without {out}": GridSpec(tuple(k for k in everything if k != out), grid) for out in everything}
    return named
