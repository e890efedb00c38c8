"""Simultaneous detection and segmentation: which pixels of a box belong to the object. Paper, section 4.1."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.annotations import masks
from pipeline.annotations.model import AnnotationSet, Instance
from pipeline.grid.targets import IGNORE, POSITIVE
from pipeline.parameters import PredictParameters
from pipeline.regions.interpolation import location_centres
from pipeline.tasks.pasting import mean_by_superpixel, paste
from pipeline.tasks.task import Region, coco_result


@dataclass(frozen=True)
class SegmentationTask:
    """One target: the location is inside the object."""

    annotations: AnnotationSet
    settings: PredictParameters
    name = "segmentation"
    targets = ("figure",)

    def target_maps(self, regions: pd.DataFrame, boxes: NDArray[np.float64], size: int) -> NDArray[np.int8]:
        """The matched instance's mask at every location; void pixels and what lies outside the photograph are ignored.

        See `pipeline.grid.targets.Targets`.
        """
        maps = np.zeros((len(regions), 1, size, size), dtype=np.int8)
        for row, (identifier, box) in enumerate(zip(regions["instance"], boxes, strict=True)):
            maps[row, 0] = self._labels(self.annotations.instance_by_id[int(identifier)], box, size)
        return maps

    def answer(self, heat: NDArray[np.float32], region: Region) -> list[dict[str, Any]]:
        """The mask of the region; see `Task`."""
        mask = segment(heat[0], region.box, region.width, region.height, self.settings.threshold, region.superpixels)
        return [as_result(region.row, mask)]

    def _labels(self, instance: Instance, box: NDArray[np.float64], size: int) -> NDArray[np.int8]:
        image = self.annotations.image_by_id[instance.image_id]
        x, y = location_centres(box, size)
        columns, rows = np.floor(x).astype(int), np.floor(y).astype(int)
        inside_x, inside_y = (columns >= 0) & (columns < image.width), (rows >= 0) & (rows < image.height)
        at = np.ix_(rows.clip(0, image.height - 1), columns.clip(0, image.width - 1))
        labels = np.where(masks.decode(instance.segmentation)[at], POSITIVE, 0).astype(np.int8)
        if image.void is not None:
            labels[masks.decode(image.void)[at] & (labels != POSITIVE)] = IGNORE
        labels[~np.logical_and.outer(inside_y, inside_x)] = IGNORE
        return labels


def segment(
    heat: NDArray[np.float32],
    box: NDArray[np.float64],
    width: int,
    height: int,
    threshold: float,
    superpixels: NDArray[np.int32] | None = None,
) -> masks.RLE:
    """The mask of a region: where the pasted heat exceeds `threshold`, by pixel or by superpixel.

    Parameters
    ----------
    heat
        (size, size) probabilities over the expanded `box` x0, y0, x1, y1.
    superpixels
        (height, width) labels of the photograph to project onto, or None.
    """
    patch = paste(heat, box, width, height)
    if superpixels is not None:
        patch = mean_by_superpixel(patch, superpixels)
    mask = np.zeros((height, width), dtype=bool)
    mask[patch.window] = patch.values > threshold
    return masks.encode(mask)


def as_result(region: Mapping[Hashable, Any], segmentation: masks.RLE) -> dict[str, Any]:
    """A COCO result of one row of a store's region table; see `coco_result`."""
    return coco_result(region, {"segmentation": segmentation})
