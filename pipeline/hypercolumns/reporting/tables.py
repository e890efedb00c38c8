"""Numbers for the tables and sentences of the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.parameters.text import as_text
from hypercolumns.reporting.headline import OVERLAP_DIGITS


@dataclass(frozen=True)
class DatasetRow:
    """A category in both splits."""

    name: str
    train: int
    """Instances that are not ignored, here and in `val`."""
    val: int
    ignored: int
    """Crowd and difficult instances of both splits."""
    typical_side: float | None
    """Square root of the median area, in pixels, of the instances that are not ignored."""

    @property
    def largest(self) -> int:
        """Larger of both numbers of instances, at least 1."""
        return max(self.train, self.val, 1)


@dataclass(frozen=True)
class AblationRow:
    """A set of blocks, with an entry for each K that was tried."""

    name: str
    by_grid: dict[int, Mapping[str, Any]]


@dataclass(frozen=True)
class Ablation:
    """The ablation as a table of block sets and K."""

    grids: list[int]
    rows: list[AblationRow]
    shown_grid: int
    """K of the bars and sentences."""
    best: float
    worst: float
    top_layer: str
    all_blocks: Mapping[str, Any] | None
    """Entry of all blocks at `shown_grid`; None if it was not tried."""
    top_only: Mapping[str, Any] | None
    """Entry of the top layer alone at `shown_grid`; None if it was not tried."""
    best_single: AblationRow | None
    """Row of the single block with the highest mean IoU."""
    worst_removal: AblationRow | None
    """Row without the block whose removal costs most; None if no removal costs anything."""
    all_blocks_one_cell: Mapping[str, Any] | None
    """Entry of all blocks with K = 1; None if it was not tried or `shown_grid` is 1."""


def dataset_rows(train: AnnotationSet | None, val: AnnotationSet | None) -> list[DatasetRow]:
    """Count the instances of each category that occurs, in order of falling number."""
    splits = [
        [(s.category_by_id[i.category_id].name, i) for i in s.instances] if s is not None else [] for s in (train, val)
    ]
    rows = []
    for name in dict.fromkeys(name for split in splits for name, _ in split):
        counted = [[i for other, i in split if other == name and not i.ignore] for split in splits]
        areas = [i.area for instances in counted for i in instances]
        rows.append(
            DatasetRow(
                name=name,
                train=len(counted[0]),
                val=len(counted[1]),
                ignored=sum(other == name for split in splits for other, _ in split) - len(areas),
                typical_side=float(np.sqrt(np.median(areas))) if areas else None,
            )
        )
    return sorted(rows, key=lambda row: (-row.train - row.val, row.name))


def configuration(blocks: Sequence[str], layers: Sequence[str]) -> str:
    """Name a set of blocks among all `layers`.

    Examples
    --------
    >>> configuration(["fine", "top"], ["fine", "middle", "top"])
    'without middle'
    """
    left_out = [layer for layer in layers if layer not in blocks]
    if not left_out:
        return "all blocks"
    if len(blocks) == 1:
        return f"only {blocks[0]}"
    return f"without {left_out[0]}" if len(left_out) == 1 else " + ".join(blocks)


def ablation_table(entries: Sequence[Mapping[str, Any]], grid: int) -> Ablation:
    """Arrange the entries of the ablation as a table.

    Parameters
    ----------
    entries
        Configurations with `blocks` (from fine to coarse), `grid`, `mean_iou` and `iou_70`.
    grid
        Preferred K for the bars and sentences; the K with most configurations is used, `grid` if there is a tie.

    Notes
    -----
    Overlaps are rounded to the digits shown, so that frames and sentences agree with the numbers on the page.
    """
    entries = [{**entry, "mean_iou": round(entry["mean_iou"], OVERLAP_DIGITS)} for entry in entries]
    layers = max((entry["blocks"] for entry in entries), key=len)
    table: dict[str, dict[int, Mapping[str, Any]]] = {}
    for entry in entries:
        table.setdefault(configuration(entry["blocks"], layers), {})[entry["grid"]] = entry
    # All blocks, then all but one, then single ones, each from fine to coarse.
    order = [
        configuration(layers, layers),
        *(configuration([other for other in layers if other != layer], layers) for layer in layers if len(layers) > 2),
        *(configuration([layer], layers) for layer in layers),
    ]
    names = [name for name in dict.fromkeys([*order, *table]) if name in table]
    rows = [AblationRow(name, table[name]) for name in names]
    grids = sorted({entry["grid"] for entry in entries})
    shown = max(grids, key=lambda k: (sum(entry["grid"] == k for entry in entries), k == grid))

    def extreme(prefix: str, sign: int) -> AblationRow | None:
        candidates = [row for row in rows if row.name.startswith(prefix) and shown in row.by_grid]
        return max(candidates, key=lambda row: sign * row.by_grid[shown]["mean_iou"], default=None)

    all_blocks = table.get("all blocks", {})
    removal = extreme("without ", -1)
    is_worse = removal and shown in all_blocks and removal.by_grid[shown]["mean_iou"] < all_blocks[shown]["mean_iou"]
    ious = [entry["mean_iou"] for entry in entries]
    return Ablation(
        grids=grids,
        rows=rows,
        shown_grid=shown,
        best=max(ious),
        worst=min(ious),
        top_layer=layers[-1],
        all_blocks=all_blocks.get(shown),
        top_only=table.get(f"only {layers[-1]}", {}).get(shown),
        best_single=extreme("only ", 1),
        worst_removal=removal if is_worse else None,
        all_blocks_one_cell=all_blocks.get(1) if shown != 1 else None,
    )


def parameter_sections(content: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """List parameters by section as (key, value), written as in `params.yaml`; nested keys are joined by dots.

    Values outside of sections come first, as section `general`.
    """
    general = {key: value for key, value in content.items() if not isinstance(value, Mapping)}
    sections = {"general": general} | {key: value for key, value in content.items() if isinstance(value, Mapping)}
    return [(name, _flat(section)) for name, section in sections.items() if section]


def _flat(content: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows = []
    for key, value in content.items():
        nested = isinstance(value, Mapping) and value
        rows += _flat(value, f"{prefix}{key}.") if nested else [(prefix + key, as_text(value))]
    return rows
