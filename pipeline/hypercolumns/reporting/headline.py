"""The metrics at the top of the page, in two groups: measured on detections, and in ground-truth boxes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from markupsafe import Markup

MISSING = "\N{EN DASH}"
"""Shown in place of a missing value."""

OVERLAP_DIGITS, POINT_DIGITS = 3, 1
"""Decimals of overlaps and shares from 0 to 1, and of points from 0 to 100."""


class Measured(Enum):
    """Boxes in which a metric is measured, which decide its scale: points for detections, else 0 to 1.

    The value is the number of decimals on the page.
    """

    DETECTIONS = POINT_DIGITS
    GROUND_TRUTH_BOXES = OVERLAP_DIGITS


@dataclass(frozen=True)
class Column:
    """A metric of a task: its key in the file of metrics, and its title on the page."""

    key: str
    title: str
    measured: Measured

    def text(self, values: Mapping[str, Any]) -> str:
        """Format the metric for the page, with a dash where it is missing."""
        return format_number(values.get(self.key), self.measured.value)


@dataclass(frozen=True)
class Tile:
    """One metric at the top of the page, with its title and task."""

    value: str
    title: str
    task: str


SEGMENTATION = (
    Column("ap_r_50", Markup("AP<sup>r</sup> .5"), Measured.DETECTIONS),
    Column("ap_r_70", Markup("AP<sup>r</sup> .7"), Measured.DETECTIONS),
    Column("ap_r_vol", Markup("AP<sup>r</sup> vol"), Measured.DETECTIONS),
    Column("box_ap_50", "box AP .5", Measured.DETECTIONS),
    Column("mean_iou", "mean mask IoU", Measured.GROUND_TRUTH_BOXES),
    Column("iou_50", "masks above .5", Measured.GROUND_TRUTH_BOXES),
    Column("iou_70", "masks above .7", Measured.GROUND_TRUTH_BOXES),
)


def format_number(value: float | None, digits: int) -> str:
    """Format a number for the page, with a dash for None.

    Examples
    --------
    >>> format_number(0.65851, 3), format_number(None, 3)
    ('0.659', '–')
    """
    return MISSING if value is None else f"{value:.{digits}f}"


def groups(tasks: Sequence[tuple[str, Sequence[Column], Mapping[str, Any]]], detections: str) -> dict[str, list[Tile]]:
    """Group the metrics of all tasks by scale; metrics without a value and empty groups are left out.

    Parameters
    ----------
    tasks
        Name, columns and values by key of each task.
    detections
        What the detections are, in words.

    Returns
    -------
    The tiles of each group by its title.
    """
    titles = {
        Measured.DETECTIONS: f"On {detections}, in points from 0 to 100",
        Measured.GROUND_TRUTH_BOXES: "In ground-truth boxes, from 0 to 1",
    }
    tiles: dict[str, list[Tile]] = {title: [] for title in titles.values()}
    for name, columns, values in tasks:
        for column in columns:
            if values.get(column.key) is not None:
                tiles[titles[column.measured]].append(Tile(column.text(values), column.title, name))
    return {title: group for title, group in tiles.items() if group}
