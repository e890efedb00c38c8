"""Propose ranked region candidates in one photograph, and sample candidates from which the ranking is learned."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypercolumns.parameters import ProposalParameters
from hypercolumns.proposals import features
from hypercolumns.proposals.candidates import compose
from hypercolumns.proposals.ranking import Ranker, choose
from hypercolumns.proposals.store import Proposals
from hypercolumns.proposals.superpixels import describe, pixel_counts, segment
from hypercolumns.proposals.trees import build
from hypercolumns.regions.boxes import iou as box_iou


@dataclass(frozen=True)
class MeasuredCandidates:
    """The n candidates of a photograph with their features: all that does not depend on what was learned.

    Attributes
    ----------
    superpixels
        (height, width) int32 labels 0 .. s - 1.
    members
        (n, s) superpixels that each candidate consists of.
    boxes
        (n, 4) int32 tight boxes x0, y0, x1, y1, end-exclusive.
    features
        (n, f) float32, as `ranking.FEATURES` lists them.
    """

    superpixels: NDArray[np.int32]
    members: NDArray[np.bool_]
    boxes: NDArray[np.int32]
    features: NDArray[np.float32]


def propose(image: NDArray[np.uint8], ranker: Ranker, settings: ProposalParameters) -> Proposals:
    """Propose regions in an RGB image (height, width, 3), best first, at most `settings.max_per_image`."""
    return rank(measure(image, settings), ranker, settings)


def measure(image: NDArray[np.uint8], settings: ProposalParameters) -> MeasuredCandidates:
    """List the candidates of an RGB image (height, width, 3) and measure their features."""
    superpixels = describe(image, segment(image, settings))
    candidates = compose(superpixels, build(superpixels), settings.minimum_area)
    return MeasuredCandidates(
        superpixels.labels, candidates.members, candidates.boxes, features.measure(superpixels, candidates)
    )


def rank(candidates: MeasuredCandidates, ranker: Ranker, settings: ProposalParameters) -> Proposals:
    """Choose the candidates that become proposals, best first, at most `settings.max_per_image`."""
    scores = ranker.score(candidates.features)
    rows, scores = choose(candidates.boxes, scores, settings.suppression, settings.max_per_image)
    return Proposals(
        candidates.superpixels, candidates.members[rows], candidates.boxes[rows].astype(np.float32), scores
    )


def sample(
    candidates: MeasuredCandidates,
    figures: Sequence[NDArray[np.bool_]],
    boxes: Sequence[Sequence[float]],
    count: int,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw random candidates of an image and measure how well each fits an object.

    Parameters
    ----------
    candidates
        Candidates of the image.
    figures
        Masks (height, width) of objects in the image.
    boxes
        Boxes x0, y0, x1, y1 of the objects whose masks are not known; there must be a mask or a box.
    count
        Candidates to draw; all when the image has fewer.
    rng
        Source of randomness.

    Returns
    -------
    Features (n, f) of the candidates, and the overlap (n,) of each with the object it fits best: the IoU of their
    masks or, if the mask of the object is not known, of their boxes.
    """
    n, n_superpixels = candidates.members.shape
    rows = np.sort(rng.choice(n, min(count, n), replace=False))
    overlaps = box_iou(candidates.boxes[rows], boxes)
    if figures:
        labels = candidates.superpixels
        area = np.bincount(labels.ravel(), minlength=n_superpixels).astype(np.float64)
        shared = np.stack([pixel_counts(labels, n_superpixels, mask) for mask in figures], axis=1)
        overlaps = np.concatenate([overlaps, mask_iou(candidates.members[rows], area, shared)], axis=1)
    return candidates.features[rows], overlaps.max(axis=1).astype(np.float32)


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
