"""Part labelling: one heat map per part and one for the figure; within the mask, the part of highest heat wins."""

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
    """The figure, as in segmentation, and one target per part name. Paper, section 4.3.

    Including the figure makes the task independent of other models. With the same parameters its figure classifier,
    and so the mask, equals that of the segmentation task.
    """

    annotations: AnnotationSet
    settings: PredictParameters
    name = "parts"

    @property
    def categories(self) -> tuple[Category, ...]:
        """All categories of the annotations."""
        return self.annotations.categories

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """The figure and the part names of all categories; empty when no category has parts."""
        parts = union(category.parts for category in self.annotations.categories)
        return (*self._figure.targets, *parts) if parts else ()

    @cached_property
    def _figure(self) -> SegmentationTask:
        return SegmentationTask(self.annotations, self.settings)

    def targets_of(self, category_id: int) -> Sequence[int]:
        """The figure and the category's parts, or nothing for a category without parts; see `Task.targets_of`."""
        names = self.annotations.category_by_id[category_id].parts
        return (0, *(self._part_targets[name] for name in names)) if names else ()

    @cached_property
    def _part_targets(self) -> dict[str, int]:
        """Positions in `targets` by part name."""
        return {name: position for position, name in enumerate(self.targets) if position}

    def target_maps(self, regions: pd.DataFrame, boxes: NDArray[np.float64], size: int) -> NDArray[np.int8]:
        """Label a part's locations positive, and those of the object's other parts negative.

        Everything else is ignored: locations outside the object's parts, since parts are only looked for inside masks;
        instances without annotated parts; parts that the category does not have. The figure is labelled as in
        segmentation. See `Targets.target_maps`.
        """
        maps = np.full((len(regions), len(self.targets), size, size), IGNORE, dtype=np.int8)
        maps[:, :1] = self._figure.target_maps(regions, boxes, size)
        for row, (instance_id, box) in enumerate(zip(regions["instance"], boxes, strict=True)):
            instance = self.annotations.instance_by_id[int(instance_id)]
            if instance.parts:
                self._label_parts(instance, box, maps[row])
        return maps

    def _label_parts(self, instance: Instance, box: NDArray[np.float64], maps: NDArray[np.int8]) -> None:
        """Fill in the part maps of one instance; `maps` (target, size, size) already holds its figure."""
        image = self.annotations.image_by_id[instance.image_id]
        at = pixels_under(box, maps.shape[1], image.width, image.height).at
        shown = {part.name: masks.decode(part.segmentation)[at] for part in instance.parts}
        labelled = np.logical_or.reduce(list(shown.values())) & (maps[0] == POSITIVE)
        hidden = np.zeros_like(labelled)
        for name in self.annotations.category_by_id[instance.category_id].parts:
            positive = shown.get(name, hidden)
            maps[self._part_targets[name]] = np.where(labelled, np.where(positive, POSITIVE, NEGATIVE), IGNORE)

    def answer(self, heat: NDArray[np.float32], region: Region) -> list[dict[str, Any]]:
        """Answer with the mask of the region as `segmentation`, and its visible parts (name, mask) as `parts`.

        See `Task.answer`.
        """
        names = self.annotations.category_by_id[region.category_id].parts
        figure = segment(heat[0], region.box, region.width, region.height, self.settings.threshold, region.superpixels)
        patches = [paste(heat[self._part_targets[name]], region.box, region.width, region.height) for name in names]
        window = patches[0].window
        hottest = np.argmax([patch.values for patch in patches], axis=0)
        inside = masks.decode(figure)[window]
        parts = []
        for position, name in enumerate(names):
            mask = np.zeros((region.height, region.width), dtype=bool)
            mask[window] = inside & (hottest == position)
            if mask.any():
                parts.append({"name": name, "segmentation": masks.encode(mask)})
        return [coco_result(region.row, {"segmentation": figure, "parts": parts})]
