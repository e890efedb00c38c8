"""Propose ranked region candidates in one photograph, and sample candidates from which the ranking is learned."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hypercolumns.parameters import ProposalParameters
from hypercolumns.proposals import features
from hypercolumns.proposals.candidates import compose
from hypercolumns.proposals.ranking import Ranker, choose
from hypercolumns.proposals.store import Proposals
from hypercolumns.proposals.superpixels import Superpixels, describe, pixel_counts, segment
from hypercolumns.proposals.trees import build
from hypercolumns.regions.boxes import iou as box_iou


def propose(image: NDArray[np.uint8], ranker: Ranker, settings: ProposalParameters) -> Proposals:
    """Propose regions in an RGB image (height, width, 3), best first, at most `settings.max_per_image`."""
    superpixels, members, boxes, measured = _measured_candidates(image, settings)
    rows, scores = choose(boxes, ranker.score(measured), settings.suppression, settings.max_per_image)
    return Proposals(superpixels.labels, members[rows], boxes[rows].astype(np.float32), scores)


def sample(
    image: NDArray[np.uint8],
    figures: Sequence[NDArray[np.bool_]],
    boxes: Sequence[Sequence[float]],
    count: int,
    settings: ProposalParameters,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw random candidates of an image and measure how well each fits an object.

    Parameters
    ----------
    image
        (height, width, 3) RGB.
    figures
        Masks (height, width) of objects in the image.
    boxes
        Boxes x0, y0, x1, y1 of the objects whose masks are not known; there must be a mask or a box.
    count
        Candidates to draw; all when the image has fewer.
    settings
        Parameters of the proposals.
    rng
        Source of randomness.

    Returns
    -------
    Features (n, f) of the candidates, and the overlap (n,) of each with the object it fits best: the IoU of their
    masks or, if the mask of the object is not known, of their boxes.
    """
    superpixels, members, tight_boxes, measured = _measured_candidates(image, settings)
    rows = np.sort(rng.choice(len(measured), min(count, len(measured)), replace=False))
    overlaps = box_iou(tight_boxes[rows], boxes)
    if figures:
        shared = np.stack([pixel_counts(superpixels.labels, superpixels.count, mask) for mask in figures], axis=1)
        overlaps = np.concatenate([overlaps, mask_iou(members[rows], superpixels.area, shared)], axis=1)
    return measured[rows], overlaps.max(axis=1).astype(np.float32)


def mask_iou(members: NDArray, area: NDArray, shared: NDArray[np.integer]) -> NDArray[np.float64]:
    """Compute the exact mask IoU of n regions with m instances from pixel counts of the s superpixels.

    Parameters
    ----------
    members
        (n, s) superpixels that each region consists of.
    area
        (s,) number of pixels of each superpixel.
    shared
        (s, m) number of pixels that each superpixel shares with each instance.

    Returns
    -------
    (n, m) array in 0 .. 1.

    Examples
    --------
    >>> members, area = np.array([[1, 0, 0], [1, 1, 0]]), np.array([4, 4, 8])
    >>> mask_iou(members, area, shared=np.array([[4], [2], [0]]))
    array([[0.66666667],
           [0.75      ]])
    """
    members = members.astype(np.float64)
    intersection = members @ shared.astype(np.float64)
    union = (members @ area)[:, None] + shared.sum(axis=0)[None, :] - intersection
    return np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)


def _measured_candidates(
    image: NDArray[np.uint8], settings: ProposalParameters
) -> tuple[Superpixels, NDArray[np.bool_], NDArray[np.int32], NDArray[np.float32]]:
    """Superpixels of an image, and members (n, s), tight boxes (n, 4) and features (n, f) of its candidates."""
    superpixels = describe(image, segment(image, settings))
    candidates = compose(superpixels, build(superpixels), settings.minimum_area)
    boxes = features.tight_boxes(superpixels.boxes, candidates.members)
    return superpixels, candidates.members, boxes, features.measure(superpixels, candidates, boxes)
