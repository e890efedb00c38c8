"""The numbers behind the page's tables and sentences."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.parameters.text import as_text
from hypercolumns.reporting.headline import OVERLAP_DIGITS


@dataclass(frozen=True)
class DatasetRow:
    """A category in both image sets."""

    name: str
    train: int
    """Instances that train or count; the rest is ignored."""
    val: int
    ignored: int
    """Crowd and difficult instances of both sets."""
    side: float | None
    """Square root of the median area of the counted instances of both sets, in pixels."""

    @property
    def largest(self) -> int:
        return max(self.train, self.val, 1)


@dataclass(frozen=True)
class AblationRow:
    """One set of blocks, with the entry of every grid size that was tried."""

    name: str
    by_grid: dict[int, Mapping[str, Any]]


@dataclass(frozen=True)
class Ablation:
    """The ablation as a table of block sets and grid sizes."""

    grids: list[int]
    rows: list[AblationRow]
    shown_grid: int
    """The grid size that bars and sentences speak of."""
    best: float
    worst: float
    top_layer: str
    every: Mapping[str, Any] | None
    """The entry of all blocks at `shown_grid`; the following likewise, None where it was not tried."""
    top_only: Mapping[str, Any] | None
    single_best: AblationRow | None
    costliest: AblationRow | None
    """The block that is missed most, None when none is."""
    every_single_cell: Mapping[str, Any] | None
    """All blocks with K = 1."""


def dataset_rows(train: AnnotationSet | None, val: AnnotationSet | None) -> list[DatasetRow]:
    """One row per category that occurs, by falling number of instances."""
    sets = [s for s in (train, val) if s is not None]
    rows = []
    for name in dict.fromkeys(category.name for s in sets for category in s.categories):
        own = [
            [i for i in s.instances if s.category_by_id[i.category_id].name == name] if s is not None else []
            for s in (train, val)
        ]
        counted = [[i for i in instances if not i.ignore] for instances in own]
        areas = [i.area for instances in counted for i in instances]
        if own[0] or own[1]:
            rows.append(
                DatasetRow(
                    name=name,
                    train=len(counted[0]),
                    val=len(counted[1]),
                    ignored=sum(map(len, own)) - len(areas),
                    side=float(np.sqrt(np.median(areas))) if areas else None,
                )
            )
    return sorted(rows, key=lambda row: (-row.train - row.val, row.name))


def configuration(blocks: Sequence[str], layers: Sequence[str]) -> str:
    """What a set of blocks is called among all `layers`."""
    left_out = [layer for layer in layers if layer not in blocks]
    if not left_out:
        return "all blocks"
    if len(blocks) == 1:
        return f"only {blocks[0]}"
    return f"without {left_out[0]}" if len(left_out) == 1 else " + ".join(blocks)


def ablation_table(entries: Sequence[Mapping[str, Any]], grid: int) -> Ablation:
    """Entries (`blocks`, `grid`, `mean_iou`, `iou_70`) as a table; sentences speak of K = `grid`.

    Blocks go from fine to coarse, so that the last of the longest list is the top layer. Where another grid size was
    tried with more sets of blocks than `grid`, it takes its place. Overlaps are rounded as they are shown, so that what
    is framed and what sentences say follows from the figures shown.
    """
    entries = [{**entry, "mean_iou": round(entry["mean_iou"], OVERLAP_DIGITS)} for entry in entries]
    layers = max((entry["blocks"] for entry in entries), key=len)
    table: dict[str, dict[int, Mapping[str, Any]]] = {}
    for entry in entries:
        table.setdefault(configuration(entry["blocks"], layers), {})[entry["grid"]] = entry
    # All blocks first, then all but one, then the single ones, each group from fine to coarse.
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
        own = [row for row in rows if row.name.startswith(prefix) and shown in row.by_grid]
        return max(own, key=lambda row: sign * row.by_grid[shown]["mean_iou"], default=None)

    every = table.get("all blocks", {})
    costliest = extreme("without ", -1)
    worse = costliest and shown in every and costliest.by_grid[shown]["mean_iou"] < every[shown]["mean_iou"]
    ious = [entry["mean_iou"] for entry in entries]
    return Ablation(
        grids=grids,
        rows=rows,
        shown_grid=shown,
        best=max(ious),
        worst=min(ious),
        top_layer=layers[-1],
        every=every.get(shown),
        top_only=table.get(f"only {layers[-1]}", {}).get(shown),
        single_best=extreme("only ", 1),
        costliest=costliest if worse else None,
        every_single_cell=every.get(1) if shown != 1 else None,
    )


def parameter_sections(content: Mapping[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Parameters as (section, [(key, value)]), both as in `params.yaml`, deeper keys with dots.

    Values outside of any section come first, as `general`.
    """
    general = {key: value for key, value in content.items() if not isinstance(value, Mapping)}
    sections = {"general": general} | {key: value for key, value in content.items() if isinstance(value, Mapping)}
    return [(name, _flat(section)) for name, section in sections.items() if section]


def _flat(content: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows = []
    for key, value in content.items():
        inner = isinstance(value, Mapping) and value
        rows += _flat(value, f"{prefix}{key}.") if inner else [(prefix + key, as_text(value))]
    return rows
