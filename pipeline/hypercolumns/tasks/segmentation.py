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
from hypercolumns.regions.boxes import to_coco
from hypercolumns.tasks.locations import Pixels
from hypercolumns.tasks.pasting import mix_superpixels, paste
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
        """Answer with the mask of the region, as `segmentation`; see `cut_out` and `Task.answer`."""
        return [coco_result(region.row, cut_out(heat[0], region, self.settings))]


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


def cut_out(heat: NDArray[np.float32], region: Region, settings: PredictParameters) -> dict[str, Any]:
    """Cut an object out of its photograph, and judge the mask.

    Parameters
    ----------
    heat
        (size, size) probabilities over the box of the region.
    region
        A region, whose superpixels the heat is mixed with if `settings.superpixels` is not 0.
    settings
        Share of the superpixels, threshold, and weight of the expected IoU.

    Returns
    -------
    Fields of a COCO result. `segmentation` is the mask, where the mixed heat exceeds the threshold. A detection also
    gets `bbox`, the tight box of the mask unless that is empty, and `score`, the weighted geometric mean of the score
    of its box and the `expected_iou` of the mask; scores below 0 stay. Ours.
    """
    patch = paste(heat, region.box, region.width, region.height)
    if settings.superpixels:
        patch = mix_superpixels(patch, region.superpixels(), settings.superpixels)
    inside = patch.values > settings.threshold
    mask = np.zeros((region.height, region.width), dtype=bool)
    mask[patch.window] = inside
    answer: dict[str, Any] = {"segmentation": masks.encode(mask)}
    if not region.is_ground_truth:
        score, weight = float(region.row["score"]), settings.overlap_weight
        if score > 0:
            answer["score"] = round(score ** (1 - weight) * expected_iou(patch.values, inside) ** weight, 6)
        if inside.any():
            answer["bbox"] = to_coco(masks.box(answer["segmentation"])).tolist()
    return answer


def expected_iou(heat: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """Estimate the IoU of a mask with the object that heat shows, by expected overlap over expected union. Ours.

    Parameters
    ----------
    heat
        (height, width) probabilities that pixels belong to the object.
    mask
        (height, width), the mask.

    Returns
    -------
    The estimate in 0..1; 0 for an empty mask.

    Examples
    --------
    >>> expected_iou(np.array([[1.0, 0.5, 0.0]]), np.array([[True, True, False]]))
    0.75
    """
    overlap = float(heat[mask].sum(dtype=np.float64))
    union = float(heat.sum(dtype=np.float64) + np.count_nonzero(mask)) - overlap
    return overlap / union if union else 0.0
