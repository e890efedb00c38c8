"""Simultaneous detection and segmentation: which pixels of a box belong to the object. Paper, section 4.1."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category, Instance
from hypercolumns.grid.targets import IGNORE, NEGATIVE, POSITIVE
from hypercolumns.parameters import PredictParameters
from hypercolumns.tasks.locations import pixels_under
from hypercolumns.tasks.pasting import mean_by_superpixel, paste
from hypercolumns.tasks.task import Region, coco_result


@dataclass(frozen=True)
class SegmentationTask:
    """One target, the figure: whether a location is inside the object."""

    annotations: AnnotationSet
    settings: PredictParameters
    name = "segmentation"
    targets = ("figure",)

    @property
    def categories(self) -> tuple[Category, ...]:
        """All categories of the annotations."""
        return self.annotations.categories

    def targets_of(self, category_id: int) -> Sequence[int]:
        """The figure, for every category; see `Task.targets_of`."""
        del category_id
        return (0,)

    def target_maps(self, regions: pd.DataFrame, boxes: NDArray[np.float64], size: int) -> NDArray[np.int8]:
        """Label every location by the mask of the matched instance; see `Targets.target_maps`.

        Locations outside the photograph and void pixels are ignored.
        """
        maps = np.zeros((len(regions), 1, size, size), dtype=np.int8)
        for row, (instance_id, box) in enumerate(zip(regions["instance"], boxes, strict=True)):
            maps[row, 0] = self._labels(self.annotations.instance_by_id[int(instance_id)], box, size)
        return maps

    def answer(self, heat: NDArray[np.float32], region: Region) -> list[dict[str, Any]]:
        """Answer with the mask of the region, as `segmentation`; see `Task.answer`."""
        mask = segment(heat[0], region.box, region.width, region.height, self.settings.threshold, region.superpixels)
        return [coco_result(region.row, {"segmentation": mask})]

    def _labels(self, instance: Instance, box: NDArray[np.float64], size: int) -> NDArray[np.int8]:
        image = self.annotations.image_by_id[instance.image_id]
        pixels = pixels_under(box, size, image.width, image.height)
        labels = np.where(masks.decode(instance.segmentation)[pixels.at], POSITIVE, NEGATIVE).astype(np.int8)
        if image.void is not None:
            labels[masks.decode(image.void)[pixels.at] & (labels != POSITIVE)] = IGNORE
        labels[~pixels.inside] = IGNORE
        return labels


def segment(
    heat: NDArray[np.float32],
    box: NDArray[np.float64],
    width: int,
    height: int,
    threshold: float,
    superpixels: NDArray[np.int32] | None = None,
) -> masks.RLE:
    """Cut out a region's mask: the pixels or superpixels whose heat exceeds the threshold.

    Parameters
    ----------
    heat
        (size, size) probabilities.
    box
        Expanded box x0, y0, x1, y1 that they cover.
    width
        Width of the photograph in pixels.
    height
        Height of the photograph in pixels.
    threshold
        Probability that the mask must exceed.
    superpixels
        (height, width) labels of the photograph to project onto, or None to decide pixel by pixel.
    """
    patch = paste(heat, box, width, height)
    if superpixels is not None:
        patch = mean_by_superpixel(patch, superpixels)
    mask = np.zeros((height, width), dtype=bool)
    mask[patch.window] = patch.values > threshold
    return masks.encode(mask)
