"""Parts: one heat map each, and one for the figure; inside the predicted mask the hottest part is the label."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category, Instance
from hypercolumns.grid.targets import IGNORE, NEGATIVE, POSITIVE
from hypercolumns.parameters import PredictParameters
from hypercolumns.tasks.locations import pixels_under
from hypercolumns.tasks.pasting import paste
from hypercolumns.tasks.segmentation import SegmentationTask, segment
from hypercolumns.tasks.task import Region, coco_result, union


@dataclass(frozen=True)
class PartTask:
    """The figure, as in segmentation, and a target per name of a part. Paper, section 4.3.

    The figure is among the targets so that the task needs no other's model: on the same parameters its classifier,
    and with it the mask, is that of the segmentation task.
    """

    annotations: AnnotationSet
    settings: PredictParameters
    name = "parts"

    @property
    def categories(self) -> tuple[Category, ...]:
        return self.annotations.categories

    @cached_property
    def targets(self) -> tuple[str, ...]:
        parts = union(category.parts for category in self.annotations.categories)
        return (*self._figure.targets, *parts) if parts else ()

    @cached_property
    def _figure(self) -> SegmentationTask:
        return SegmentationTask(self.annotations, self.settings)

    def targets_of(self, category_id: int) -> Sequence[int]:
        """The figure and the category's parts, if it has any; see `Task`."""
        names = self.annotations.category_by_id[category_id].parts
        return (0, *(self._target_of_part[name] for name in names)) if names else ()

    @cached_property
    def _target_of_part(self) -> dict[str, int]:
        return {name: position for position, name in enumerate(self.targets) if position}

    def target_maps(self, regions: pd.DataFrame, boxes: NDArray[np.float64], size: int) -> NDArray[np.int8]:
        """Positive where the part shows, negative on the rest of the object and of no other object.

        Ignored: what lies outside of the object, since parts are only asked for inside of masks; instances whose parts
        are not annotated; parts that the category does not have. See `hypercolumns.grid.targets.Targets`.
        """
        maps = np.full((len(regions), len(self.targets), size, size), IGNORE, dtype=np.int8)
        maps[:, :1] = self._figure.target_maps(regions, boxes, size)
        for row, (identifier, box) in enumerate(zip(regions["instance"], boxes, strict=True)):
            instance = self.annotations.instance_by_id[int(identifier)]
            if instance.parts:
                self._label(instance, box, maps[row])
        return maps

    def _label(self, instance: Instance, box: NDArray[np.float64], maps: NDArray[np.int8]) -> None:
        """Fill in the maps (target, size, size) of one instance's parts; the first map is the figure's."""
        image = self.annotations.image_by_id[instance.image_id]
        at = pixels_under(box, maps.shape[1], image.width, image.height).at
        shown = {part.name: masks.decode(part.segmentation)[at] for part in instance.parts}
        labelled = np.logical_or.reduce(list(shown.values())) & (maps[0] == POSITIVE)
        nothing = np.zeros_like(labelled)
        for name in self.annotations.category_by_id[instance.category_id].parts:
            positive = shown.get(name, nothing)
            maps[self._target_of_part[name]] = np.where(labelled, np.where(positive, POSITIVE, NEGATIVE), IGNORE)

    def answer(self, heat: NDArray[np.float32], region: Region) -> list[dict[str, Any]]:
        """The mask of the region, and `parts`: the name and mask of those of which a pixel shows. See `Task`."""
        names = self.annotations.category_by_id[region.category_id].parts
        figure = segment(heat[0], region.box, region.width, region.height, self.settings.threshold, region.superpixels)
        patches = [paste(heat[self._target_of_part[name]], region.box, region.width, region.height) for name in names]
        window = patches[0].window
        best = np.argmax([patch.values for patch in patches], axis=0)
        inside = masks.decode(figure)
        whole = np.zeros_like(inside)
        whole[window] = inside[window]
        parts = []
        for number, name in enumerate(names):
            mask = whole.copy()
            mask[window] &= best == number
            if mask.any():
                parts.append({"name": name, "segmentation": masks.encode(mask)})
        return [coco_result(region.row, {"segmentation": figure, "parts": parts})]
