"""The interface of a task (training targets of a region, an answer from its heat maps), and a base for those here."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hypercolumns.annotations.model import AnnotationSet, Category, Instance
from hypercolumns.grid.targets import IGNORE, Targets
from hypercolumns.regions.boxes import to_coco
from hypercolumns.tasks.locations import Pixels, pixels_under
from hypercolumns.tasks.mirroring import mirrored_positions


@dataclass(frozen=True)
class Region:
    """A region that a task is to answer for."""

    row: Mapping[Hashable, Any]
    """Row of the store's region table."""
    box: NDArray[np.float64]
    """Expanded box x0, y0, x1, y1 in pixels, which the heat maps cover."""
    width: int
    """Width of the photograph in pixels."""
    height: int
    """Height of the photograph in pixels."""
    superpixels: Callable[[], NDArray[np.int32]]
    """Reads the superpixels of the photograph, (height, width) labels, for tasks whose answers depend on them."""

    @property
    def category_id(self) -> int:
        """Category that the answer is for."""
        return int(self.row["category"])

    @property
    def is_ground_truth(self) -> bool:
        """Whether the box is that of an annotated instance, which the answer then names."""
        return bool(self.row["kind"] == "ground_truth")


class Task(Targets, Protocol):
    """Training targets (`Targets`), and answers from heat maps. Paper, section 4: three tasks, one mechanism."""

    @property
    def name(self) -> str:
        """Name in the parameters and in the names of the task's files."""

    @property
    def annotations(self) -> AnnotationSet:
        """Annotations of the photographs; answers use only the categories, never images or instances."""

    def targets_of(self, category_id: int) -> Sequence[int]:
        """Positions in `targets` of the targets that answers for a category need; empty if it has no answer."""

    def answer(self, heat: NDArray[np.float32], region: Region) -> Sequence[Mapping[str, Any]]:
        """Turn the heat maps of one region into COCO results.

        Parameters
        ----------
        heat
            (target, size, size) probabilities over the region's expanded box; 0 for targets that are not among
            `targets_of` its category.
        region
            A region of a category that has targets.

        Returns
        -------
        sequence of mappings
            COCO results; exactly one if the box is that of an instance.
        """


@dataclass(frozen=True)
class AnnotatedTask(ABC):
    """Base of tasks whose targets follow from one instance per region; its subclasses implement `Task`."""

    annotations: AnnotationSet

    @property
    @abstractmethod
    def targets(self) -> tuple[str, ...]:
        """Names of the targets; see `Targets.targets`."""

    @abstractmethod
    def targets_of(self, category_id: int) -> Sequence[int]:
        """Positions of the targets of a category; see `Task.targets_of`."""

    @property
    def categories(self) -> tuple[Category, ...]:
        """All categories of the annotations."""
        return self.annotations.categories

    def target_maps(self, regions: pd.DataFrame, boxes: NDArray[np.float64], size: int) -> NDArray[np.int8]:
        """Label every location by `label`; see `Targets.target_maps`."""
        maps = np.full((len(regions), len(self.targets), size, size), IGNORE, dtype=np.int8)
        for region_maps, instance_id, box in zip(maps, regions["instance"], boxes, strict=True):
            instance = self.annotations.instance_by_id[int(instance_id)]
            image = self.annotations.image_by_id[instance.image_id]
            self.label(instance, pixels_under(box, size, image.width, image.height), region_maps)
            if box[0] > box[2]:
                own = np.array(self.targets_of(instance.category_id), dtype=np.intp)
                in_mirror = mirrored_positions([self.targets[target] for target in own])
                region_maps[own] = region_maps[own[in_mirror]]
        return maps

    @abstractmethod
    def label(self, instance: Instance, pixels: Pixels, maps: NDArray[np.int8]) -> None:
        """Fill in the target maps of one region.

        Parameters
        ----------
        instance
            The instance that the region was matched to.
        pixels
            Pixels under the locations.
        maps
            (target, size, size) labels to change; they come filled with IGNORE.
        """


def union(names: Iterable[Sequence[str]]) -> tuple[str, ...]:
    """Merge the targets of several categories, each name once: categories that share a name share its classifier.

    Examples
    --------
    >>> union([("head", "legs"), ("wheel", "head")])
    ('head', 'legs', 'wheel')
    """
    return tuple(dict.fromkeys(name for of_category in names for name in of_category))


def coco_result(row: Mapping[Hashable, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    """Make a COCO result for one row of a store's region table; ground-truth boxes name their instance.

    Parameters
    ----------
    row
        Row of the region table.
    answer
        Keys that the task adds; a `score` replaces that of the region.
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
