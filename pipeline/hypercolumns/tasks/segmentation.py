"""Simultaneous detection and segmentation: which pixels of a box belong to the object. Paper, section 4.1."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Instance
from hypercolumns.grid.targets import IGNORE, NEGATIVE, POSITIVE
from hypercolumns.parameters import PredictParameters
from hypercolumns.tasks.locations import Pixels
from hypercolumns.tasks.pasting import mean_by_superpixel, paste
from hypercolumns.tasks.task import AnnotatedTask, Region, coco_result


@dataclass(frozen=True)
class SegmentationTask(AnnotatedTask):
    """One target, the figure: whether a location is inside the object."""

    settings: PredictParameters
    name = "segmentation"
    targets = ("figure",)

    def targets_of(self, category_id: int) -> Sequence[int]:
        """The figure, for every category; see `Task.targets_of`."""
        del category_id
        return (0,)

    def label(self, instance: Instance, pixels: Pixels, maps: NDArray[np.int8]) -> None:
        """Label every location by `figure_labels`; see `AnnotatedTask.label`."""
        maps[0] = figure_labels(self.annotations, instance, pixels)

    def answer(self, heat: NDArray[np.float32], region: Region) -> list[dict[str, Any]]:
        """Answer with the mask of the region, as `segmentation`; see `Task.answer`."""
        mask = segment(heat[0], region.box, region.width, region.height, self.settings.threshold, region.superpixels)
        return [coco_result(region.row, {"segmentation": mask})]


def figure_labels(annotations: AnnotationSet, instance: Instance, pixels: Pixels) -> NDArray[np.int_]:
    """Label (size, size) locations by the mask of an instance.

    Locations outside the photograph and void pixels are ignored, and all locations of an instance without a mask.
    """
    mask = instance.segmentation
    if mask is None:
        return np.full(pixels.inside.shape, IGNORE)
    labels = np.where(masks.decode(mask)[pixels.at], POSITIVE, NEGATIVE)
    void = annotations.image_by_id[instance.image_id].void
    if void is not None:
        labels[masks.decode(void)[pixels.at] & (labels != POSITIVE)] = IGNORE
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
