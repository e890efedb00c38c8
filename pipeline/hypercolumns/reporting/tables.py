"""Numbers for the tables and sentences of the page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hypercolumns.annotations.model import AnnotationSet, Instance
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


@dataclass(frozen=True)
class Ablation:
    """The ablation as a table of block sets and K."""

    grids: list[int]
    rows: dict[str, dict[int, Mapping[str, Any]]]
    """Entries by the name of the block set and K."""
    shown_grid: int
    """K of the bars and sentences."""
    shown: dict[str, Mapping[str, Any]]
    """Entries at `shown_grid` by the name of the block set."""
    best: float
    worst: float
    top_layer: str
    best_single: str | None
    """Name of the single block with the highest mean IoU."""
    worst_removal: str | None
    """Name of the set without the block whose removal costs most; None if no removal costs anything."""


def dataset_rows(train: AnnotationSet | None, val: AnnotationSet | None) -> list[DatasetRow]:
    """Count the instances of each category that occurs, in order of falling number."""
    found: dict[str, tuple[list[Instance], list[Instance]]] = {}
    for position, split in enumerate((train, val)):
        if split is not None:
            for instance in split.instances:
                name = split.category_by_id[instance.category_id].name
                found.setdefault(name, ([], []))[position].append(instance)
    rows = []
    for name, splits in found.items():
        in_train, in_val = ([i for i in instances if not i.ignore] for instances in splits)
        areas = [i.area for i in in_train + in_val]
        ignored = sum(map(len, splits)) - len(areas)
        side = float(np.sqrt(np.median(areas))) if areas else None
        rows.append(DatasetRow(name, len(in_train), len(in_val), ignored, side))
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
    order = ["all blocks", *(f"without {layer}" for layer in layers), *(f"only {layer}" for layer in layers)]
    rows = {name: table[name] for name in dict.fromkeys([*order, *table]) if name in table}
    grids = sorted({entry["grid"] for entry in entries})
    shown_grid = max(grids, key=lambda k: (sum(entry["grid"] == k for entry in entries), k == grid))
    shown = {name: row[shown_grid] for name, row in rows.items() if shown_grid in row}
    ious = {name: entry["mean_iou"] for name, entry in shown.items()}
    single = [name for name in ious if name.startswith("only ")]
    worse = [name for name in ious if name.startswith("without ") and ious[name] < ious.get("all blocks", 0)]
    return Ablation(
        grids=grids,
        rows=rows,
        shown_grid=shown_grid,
        shown=shown,
        best=max(entry["mean_iou"] for entry in entries),
        worst=min(entry["mean_iou"] for entry in entries),
        top_layer=layers[-1],
        best_single=max(single, key=lambda name: ious[name], default=None),
        worst_removal=min(worse, key=lambda name: ious[name], default=None),
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
