"""How well proposals cover the objects of an image set: box recall and best mask overlap."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet
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
        mean over the instances with a mask of the best mask IoU; `superpixel_bound`: the same for the best possible
        union of superpixels; all in 0..1, and None without such instances. `instances`: how many count. `per_image`:
        mean number of proposals.

    Raises
    ------
    InputError
        When the store lacks an image.
    """
    box_ious, mask_ious, counts = [np.empty(0)], [np.empty((2, 0))], []
    for image in annotations.images:
        proposals = store[image.id]
        counts.append(len(proposals))
        counted = [i for i in annotations.instances_by_image[image.id] if not i.ignore]
        instances = [i for i in counted if i.area >= minimum_area]
        figures = [masks.decode(code) for i in instances if (code := i.segmentation) is not None]
        if instances:
            box_ious.append(boxes.iou(proposals.boxes, [i.box for i in instances]).max(axis=0, initial=0))
        if figures:
            mask_ious.append(best_mask_overlaps(proposals, figures))
    box, (mask, bound) = np.concatenate(box_ious), np.concatenate(mask_ious, axis=1)
    return {
        "box_recall_50": _mean(box >= 0.5),
        "box_recall_70": _mean(box >= 0.7),
        "mask_abo": _mean(mask),
        "superpixel_bound": _mean(bound),
        "instances": len(box),
        "per_image": _mean(np.array(counts)),
    }


def best_mask_overlaps(proposals: Proposals, figures: Sequence[NDArray[np.bool_]]) -> NDArray[np.float64]:
    """Best mask IoU and `superpixel_bound` of each of m masks (height, width) of one image, (2, m)."""
    count = proposals.members.shape[1]
    area = np.bincount(proposals.superpixels.ravel(), minlength=count)
    shared = np.stack([pixel_counts(proposals.superpixels, count, figure) for figure in figures], axis=1)
    overlaps = mask_iou(proposals.members, area, shared)
    return np.stack([overlaps.max(axis=0, initial=0), superpixel_bound(area, shared)])


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
