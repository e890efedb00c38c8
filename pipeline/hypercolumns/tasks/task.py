"""What a task is: the targets of a region, and how their heat maps become an answer. A new task is one such class."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.grid.targets import Targets
from hypercolumns.regions.boxes import to_coco


@dataclass(frozen=True)
class Region:
    """A region as a task answers for it."""

    row: Mapping[Hashable, Any]
    """Its row in the store's region table."""
    box: NDArray[np.float64]
    """The expanded box x0, y0, x1, y1 that the heat maps cover."""
    width: int
    """Of the photograph, in pixels."""
    height: int
    superpixels: NDArray[np.int32] | None = None
    """(height, width) labels of the photograph to project heat onto, or None."""

    @property
    def category_id(self) -> int:
        return int(self.row["category"])

    @property
    def is_ground_truth(self) -> bool:
        """Whether the box is that of an instance, which the answer then names."""
        return bool(self.row["kind"] == "ground_truth")


class Task(Targets, Protocol):
    """Targets for training (`Targets`), and an answer from heat maps. Paper, section 4: three tasks, one mechanism."""

    @property
    def name(self) -> str:
        """As in the parameters, and of the task's files."""

    @property
    def annotations(self) -> AnnotationSet:
        """Of the photographs; answers look at their images and categories only, never at their instances."""

    def targets_of(self, category_id: int) -> Sequence[int]:
        """Positions among `targets` of those that answers for a category look at; none when it has no answer."""

    def answer(self, heat: NDArray[np.float32], region: Region) -> Sequence[Mapping[str, Any]]:
        """The COCO results of one region of a category that has targets; one in the box of an instance.

        `heat` (target, size, size) are the probabilities over the region's expanded box; 0 of what is no target of
        its category.
        """


def union(names: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """The targets of several categories, each name once: equal names share a classifier where categories do."""
    return tuple(dict.fromkeys(name for own in names for name in own))


def coco_result(row: Mapping[Hashable, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    """A COCO result of one row of a store's region table; ground-truth boxes name their instance.

    `answer` is what the task adds; a `score` in it replaces that of the region.
    """
    box = [float(row[name]) for name in ("x0", "y0", "x1", "y1")]
    result: dict[str, Any] = {
        "image_id": int(row["image"]),
        "category_id": int(row["category"]),
        "bbox": to_coco(box).tolist(),
        "score": float(row["score"]),
        **answer,
    }
    if row["kind"] == "ground_truth":
        result["instance_id"] = int(row["instance"])
    return result
