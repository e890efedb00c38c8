"""The figures at the top of the page, in two groups of one scale each: the whole system, and boxes given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from markupsafe import Markup

NOTHING = "\N{EN DASH}"
"""Where nothing counts."""

OVERLAP_DIGITS, POINT_DIGITS = 3, 1
"""Decimals of overlaps and shares from 0 to 1, and of points of 0 to 100."""


class Measured(Enum):
    """What a figure is measured on, which decides its scale."""

    DETECTIONS = "detections"
    GROUND_TRUTH_BOXES = "ground-truth boxes"


_DIGITS = {Measured.DETECTIONS: POINT_DIGITS, Measured.GROUND_TRUTH_BOXES: OVERLAP_DIGITS}


@dataclass(frozen=True)
class Column:
    """A figure of a task: its key in the metrics, and its title."""

    key: str
    title: str
    measured: Measured

    def text(self, values: Mapping[str, Any]) -> str:
        """The figure as the page shows it; a dash where it is missing."""
        return number(values.get(self.key), _DIGITS[self.measured])


@dataclass(frozen=True)
class Tile:
    """One figure, with what it is and of which task."""

    value: str
    title: str
    task: str


@dataclass(frozen=True)
class Group:
    """Figures of one scale."""

    title: str
    tiles: list[Tile]


SEGMENTATION = (
    Column("ap_r_50", Markup("AP<sup>r</sup> .5"), Measured.DETECTIONS),
    Column("ap_r_70", Markup("AP<sup>r</sup> .7"), Measured.DETECTIONS),
    Column("ap_r_vol", Markup("AP<sup>r</sup> vol"), Measured.DETECTIONS),
    Column("box_ap_50", "box AP .5", Measured.DETECTIONS),
    Column("mean_iou", "mean mask IoU", Measured.GROUND_TRUTH_BOXES),
    Column("iou_50", "masks above .5", Measured.GROUND_TRUTH_BOXES),
    Column("iou_70", "masks above .7", Measured.GROUND_TRUTH_BOXES),
)


def number(value: float | None, digits: int) -> str:
    """A figure of the page."""
    return NOTHING if value is None else f"{value:.{digits}f}"


def groups(tasks: Sequence[tuple[str, Sequence[Column], Mapping[str, Any]]], detections: str) -> list[Group]:
    """The groups that have figures, of tasks given as (name, columns, values); `detections` says what these are."""
    titles = {
        Measured.DETECTIONS: f"{detections.capitalize()}: points of 0 to 100",
        Measured.GROUND_TRUTH_BOXES: "In ground-truth boxes: from 0 to 1",
    }
    found = [
        Group(
            title,
            [
                Tile(column.text(values), column.title, name)
                for name, columns, values in tasks
                for column in columns
                if column.measured is measured
            ],
        )
        for measured, title in titles.items()
    ]
    return [group for group in found if group.tiles]
