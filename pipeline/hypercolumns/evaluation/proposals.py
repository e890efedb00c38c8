"""How well proposals cover the objects of an image set: box recall and best mask overlap."""

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
    """Compute recall and average best overlap over the instances that count.

    Instances that are crowd or difficult, or have fewer than `minimum_area` pixels, do not count.

    Returns
    -------
    dict
        `box_recall_50` and `box_recall_70`: share of instances with a proposal of at least that box IoU; `mask_abo`:
        mean over instances of the best mask IoU; `superpixel_bound`: the same for the best possible union of
        superpixels; all in 0..1, and None without instances. `instances`: how many count. `per_image`: mean number of
        proposals.

    Raises
    ------
    InputError
        When the store lacks an image.
    """
    best, counts = [np.empty((3, 0))], []
    for image in annotations.images:
        proposals = store[image.id]
        counts.append(len(proposals))
        counted = [i for i in annotations.instances_by_image[image.id] if not i.ignore]
        instances = [i for i in counted if masks.area(i.segmentation) >= minimum_area]
        if instances:
            best.append(best_overlaps(proposals, instances))
    box, mask, bound = np.concatenate(best, axis=1)
    return {
        "box_recall_50": _mean(box >= 0.5),
        "box_recall_70": _mean(box >= 0.7),
        "mask_abo": _mean(mask),
        "superpixel_bound": _mean(bound),
        "instances": len(box),
        "per_image": _mean(np.array(counts)),
    }


def best_overlaps(proposals: Proposals, instances: list[Instance]) -> NDArray[np.float64]:
    """Best box IoU, best mask IoU and `superpixel_bound` of each of m instances of one image, (3, m)."""
    count = proposals.members.shape[1]
    area = np.bincount(proposals.superpixels.ravel(), minlength=count)
    shared = np.stack(
        [pixel_counts(proposals.superpixels, count, masks.decode(i.segmentation)) for i in instances], axis=1
    )
    box = boxes.iou(proposals.boxes, [i.box for i in instances])
    mask = mask_iou(proposals.members, area, shared)
    return np.stack([box.max(axis=0, initial=0), mask.max(axis=0, initial=0), superpixel_bound(area, shared)])


def superpixel_bound(area: NDArray[np.integer], shared: NDArray[np.integer]) -> NDArray[np.float64]:
    """Highest mask IoU (m,) that any union of superpixels reaches with each instance.

    The best union consists of the superpixels with the largest shares inside the instance, so it is enough to try the
    prefixes of that order.

    Parameters
    ----------
    area
        (s,) pixels of each superpixel.
    shared
        (s, m) pixels that each superpixel shares with each instance.

    Examples
    --------
    Two superpixels of 10 pixels; the instance covers all of one and a fifth of the other:

    >>> superpixel_bound(np.array([10, 10]), np.array([[10], [2]])).round(3)
    array([0.833])
    """
    best = []
    for column in shared.T:
        order = np.argsort(-column / area, kind="stable")
        intersection = np.cumsum(column[order])
        union = np.cumsum(area[order]) + column.sum() - intersection
        best.append((intersection / union).max())
    return np.array(best)


def _mean(values: NDArray) -> float | None:
    return float(values.mean()) if len(values) else None
