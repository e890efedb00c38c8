"""Part labelling: one heat map per part and one for the figure; within the mask, the part of highest heat wins."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import Instance
from hypercolumns.grid.targets import IGNORE, NEGATIVE, POSITIVE
from hypercolumns.parameters import PredictParameters
from hypercolumns.tasks.locations import Pixels
from hypercolumns.tasks.pasting import paste
from hypercolumns.tasks.segmentation import SegmentationTask, cut_out, figure_labels
from hypercolumns.tasks.task import AnnotatedTask, Region, coco_result, union


@dataclass(frozen=True)
class PartTask(AnnotatedTask):
    """The figure, as in segmentation, and one target per part name. Paper, section 4.3.

    Including the figure makes the task independent of other models. With the same parameters its figure classifier,
    and so the mask, equals that of the segmentation task.
    """

    settings: PredictParameters
    name = "parts"

    @property
    def targets(self) -> tuple[str, ...]:
        """The figure and the part names of all categories; empty when no category has parts."""
        return (*SegmentationTask.targets, *self._parts) if self._parts else ()

    @cached_property
    def _parts(self) -> tuple[str, ...]:
        return union(category.parts for category in self.categories)

    def targets_of(self, category_id: int) -> Sequence[int]:
        """The figure and the category's parts, or nothing for a category without parts; see `Task.targets_of`."""
        names = self.annotations.category_by_id[category_id].parts
        return (0, *(1 + self._parts.index(name) for name in names)) if names else ()

    def label(self, instance: Instance, pixels: Pixels, maps: NDArray[np.int8]) -> None:
        """Label a part's locations positive, and those of the object's other parts negative.

        Everything else is ignored: locations outside the object's parts, since parts are only looked for inside masks;
        instances without a mask or annotated parts; parts that the category does not have. The figure is labelled as
        in segmentation. See `AnnotatedTask.label`.
        """
        maps[0] = figure_labels(self.annotations, instance, pixels)
        shown = {part.name: masks.decode(part.segmentation)[pixels.at] for part in instance.parts}
        if shown:
            labelled = np.any(list(shown.values()), axis=0) & (maps[0] == POSITIVE)
            for target in self.targets_of(instance.category_id)[1:]:
                positive = shown.get(self.targets[target], False)  # a part without a mask is hidden
                maps[target] = np.where(labelled, np.where(positive, POSITIVE, NEGATIVE), IGNORE)

    def answer(self, heat: NDArray[np.float32], region: Region) -> list[dict[str, Any]]:
        """Answer with the mask of the region as `segmentation`, and its visible parts (name, mask) as `parts`.

        See `Task.answer`.
        """
        answer = cut_out(heat[0], region, self.settings)
        targets = self.targets_of(region.category_id)[1:]
        patches = [paste(heat[target], region.box, region.width, region.height) for target in targets]
        window = patches[0].window
        hottest = np.argmax([patch.values for patch in patches], axis=0)
        inside = masks.decode(answer["segmentation"])[window]
        parts = []
        for position, target in enumerate(targets):
            mask = np.zeros((region.height, region.width), dtype=bool)
            mask[window] = inside & (hottest == position)
            if mask.any():
                parts.append({"name": self.targets[target], "segmentation": masks.encode(mask)})
        return [coco_result(region.row, {**answer, "parts": parts})]
