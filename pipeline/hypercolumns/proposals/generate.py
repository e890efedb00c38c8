"""From a photograph to its region candidates: a pure function, and the samples that its ranking is learned from."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hypercolumns.parameters import ProposalParameters
from hypercolumns.proposals import features
from hypercolumns.proposals.candidates import Candidates, compose
from hypercolumns.proposals.ranking import Ranker, choose
from hypercolumns.proposals.store import Proposals
from hypercolumns.proposals.superpixels import Superpixels, describe, pixel_counts, segment
from hypercolumns.proposals.trees import build


def propose(image: NDArray[np.uint8], ranker: Ranker, settings: ProposalParameters) -> Proposals:
    """The ranked candidates of an RGB image (height, width, 3), at most `settings.max_per_image`."""
    superpixels, candidates = _candidates(image, settings)
    boxes = features.boxes(superpixels.boxes, candidates.members)
    scores = ranker.score(features.measure(superpixels, candidates, boxes))
    rows, scores = choose(boxes, scores, settings.suppression, settings.max_per_image)
    return Proposals(superpixels.labels, candidates.members[rows], boxes[rows].astype(np.float32), scores)


def sample(
    image: NDArray[np.uint8],
    instances: Sequence[NDArray[np.bool_]],
    count: int,
    settings: ProposalParameters,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Features (n, f) of up to `count` random candidates of an image, and their mask IoU (n,) with the best instance.

    `instances` are masks (height, width) of the objects in the image.
    """
    superpixels, candidates = _candidates(image, settings)
    boxes = features.boxes(superpixels.boxes, candidates.members)
    measured = features.measure(superpixels, candidates, boxes)
    rows = np.sort(rng.choice(len(measured), min(count, len(measured)), replace=False))
    shared = np.stack([pixel_counts(superpixels.labels, superpixels.count, mask) for mask in instances], axis=1)
    overlaps = mask_iou(candidates.members[rows], superpixels.area, shared)
    return measured[rows], overlaps.max(axis=1).astype(np.float32)


def mask_iou(members: NDArray, area: NDArray, shared: NDArray[np.integer]) -> NDArray[np.float64]:
    """Mask IoU (n, m) of regions with instances, exact, without a single mask.

    Parameters
    ----------
    members
        (n, s) superpixels of each region.
    area
        (s,) pixels of each superpixel.
    shared
        (s, m) pixels that each superpixel shares with each instance.
    """
    members = members.astype(np.float64)
    intersection = members @ shared.astype(np.float64)
    union = (members @ area)[:, None] + shared.sum(axis=0)[None, :] - intersection
    return np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)


def _candidates(image: NDArray[np.uint8], settings: ProposalParameters) -> tuple[Superpixels, Candidates]:
    superpixels = describe(image, segment(image, settings))
    return superpixels, compose(superpixels, build(superpixels), settings.minimum_area)
