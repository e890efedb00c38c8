"""How well proposals cover the objects of an image set: recall of boxes and best overlap of masks."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Instance
from hypercolumns.proposals.generate import mask_iou
from hypercolumns.proposals.store import Proposals, ProposalStore
from hypercolumns.proposals.superpixels import pixel_counts
from hypercolumns.regions import boxes


def evaluate(annotations: AnnotationSet, store: ProposalStore, minimum_area: int) -> dict[str, Any]:
    """Recall and average best overlap over the instances that count.

    Instances that are crowd or difficult, or have fewer than `minimum_area` pixels, do not count.

    Returns
    -------
    `box_recall_50`, `box_recall_70`: share of instances with a candidate of at least that box IoU;
    `mask_abo`: mean over instances of the best mask IoU, and `superpixel_bound`, what the best union of
    superpixels would reach; None for these without instances. `instances`; `per_image`, mean number of candidates.

    Raises
    ------
    InputError
        When the store lacks an image.
    """
    box_best, mask_best, bounds, counts = [], [], [], []
    for image in annotations.images:
        proposals = store[image.id]
        counts.append(len(proposals))
        counted = [i for i in annotations.instances_by_image[image.id] if not i.ignore]
        instances = [i for i in counted if masks.area(i.segmentation) >= minimum_area]
        if instances:
            box_overlaps, mask_overlaps, bound = best_overlaps(proposals, instances)
            box_best.append(box_overlaps)
            mask_best.append(mask_overlaps)
            bounds.append(bound)
    box, mask, upper = (np.concatenate(b) if b else np.empty(0) for b in (box_best, mask_best, bounds))
    return {
        "box_recall_50": _mean(box >= 0.5),
        "box_recall_70": _mean(box >= 0.7),
        "mask_abo": _mean(mask),
        "superpixel_bound": _mean(upper),
        "instances": len(box),
        "per_image": _mean(np.array(counts)),
    }


def best_overlaps(
    proposals: Proposals, instances: list[Instance]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Best box IoU, best mask IoU, and mask IoU of the best union of superpixels, per instance: (m,) each."""
    count = proposals.members.shape[1]
    area = np.bincount(proposals.superpixels.ravel(), minlength=count)
    shared = np.stack(
        [pixel_counts(proposals.superpixels, count, masks.decode(i.segmentation)) for i in instances], axis=1
    )
    box = boxes.iou(proposals.boxes, [i.box for i in instances])
    mask = mask_iou(proposals.members, area, shared)
    return box.max(axis=0, initial=0), mask.max(axis=0, initial=0), superpixel_bound(area, shared)


def superpixel_bound(area: NDArray[np.integer], shared: NDArray[np.integer]) -> NDArray[np.float64]:
    """The highest mask IoU (m,) of any union of superpixels with each instance.

    The best union takes superpixels in falling order of the share that lies in the instance; see `mask_iou` for
    the arguments.
    """
    best = []
    for own in shared.T:
        order = np.argsort(-own / area, kind="stable")
        intersection = np.cumsum(own[order])
        union = np.cumsum(area[order]) + own.sum() - intersection
        best.append((intersection / union).max())
    return np.array(best)


def _mean(values: NDArray) -> float | None:
    return float(values.mean()) if len(values) else None
