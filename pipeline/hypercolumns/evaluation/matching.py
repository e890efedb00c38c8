"""Greedy matching of detections to instances within one image and one category."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Matching = Literal["voc", "best_free"]


@dataclass(frozen=True)
class Matches:
    """Verdicts on n detections at t thresholds; a detection that is neither hit nor neutral is false."""

    hit: NDArray[np.bool_]
    """(n, t) whether the detection found an instance that counts."""
    neutral: NDArray[np.bool_]
    """(n, t) whether it lies on an ignored instance, which makes it neither right nor wrong."""
    instance: NDArray[np.int64]
    """(n, t) column of the instance that a hit claims, -1 without a hit."""


def match(
    overlaps: NDArray[np.float64],
    scores: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    difficult: NDArray[np.bool_],
    crowd: NDArray[np.bool_],
    matching: Matching,
) -> Matches:
    """Match detections to the instances of one image and category, best score first, ties in the given order.

    Each instance can be claimed once per threshold. `difficult` and `crowd` instances are never claimed; any number
    of detections on them is neutral.

    Parameters
    ----------
    overlaps
        (n, m) overlaps of detections and instances; for a crowd, the share of the detection inside it.
    scores
        (n,) confidences.
    thresholds
        (t,) overlaps that a hit needs, all above 0.
    difficult
        (m,) which instances are difficult.
    crowd
        (m,) which instances are crowds.
    matching
        `voc` takes the instance of highest overlap, at least the threshold; the detection is false if that instance
        is already claimed. `best_free` takes the best unclaimed instance, with an overlap above the threshold.

    Notes
    -----
    The two rules are those of the authors' two evaluators. A crowd is never a candidate for the best instance, because
    it has no extent to compare: as in COCO, it only makes a detection neutral that would be false. With `voc` a
    difficult instance is a candidate, as in the VOC development kit.

    Examples
    --------
    Both detections prefer the first instance:

    >>> overlaps, scores = np.array([[0.9, 0.6], [0.8, 0.7]]), np.array([0.9, 0.8])
    >>> no_flags = np.zeros(2, dtype=bool)
    >>> for matching in ("voc", "best_free"):
    ...     match(overlaps, scores, np.array([0.5]), no_flags, no_flags, matching).instance[:, 0].tolist()
    [0, -1]
    [0, 1]
    """
    judge = _voc if matching == "voc" else _best_free
    n, m, t = *overlaps.shape, len(thresholds)
    matches = Matches(np.zeros((n, t), bool), np.zeros((n, t), bool), np.full((n, t), -1, dtype=np.int64))
    claimed = np.zeros((t, m), dtype=bool)
    if m:
        for row in np.argsort(-scores, kind="stable"):
            instance, neutral = judge(overlaps[row], thresholds, difficult, crowd, claimed)
            hit = instance >= 0
            claimed[hit, instance[hit]] = True
            matches.hit[row], matches.neutral[row], matches.instance[row] = hit, neutral & ~hit, instance
    return matches


def _voc(
    overlap: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    difficult: NDArray[np.bool_],
    crowd: NDArray[np.bool_],
    claimed: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Instance that one detection claims (t,), -1 for none, and whether an ignored instance excuses it (t,)."""
    candidates = np.where(crowd, -1.0, overlap)
    best = int(candidates.argmax())
    reached = candidates[best] >= thresholds
    on_crowd = np.max(overlap, where=crowd, initial=-1.0) >= thresholds
    if difficult[best]:
        return np.full(len(thresholds), -1), reached | on_crowd
    return np.where(reached & ~claimed[:, best], best, -1), on_crowd


def _best_free(
    overlap: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    difficult: NDArray[np.bool_],
    crowd: NDArray[np.bool_],
    claimed: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the same as `_voc`, by the rule `best_free`."""
    ignored = difficult | crowd
    free = np.where(claimed | ignored, -1.0, overlap)
    best = free.argmax(axis=1)
    instance = np.where(free.max(axis=1) > thresholds, best, -1)
    return instance, np.max(overlap, where=ignored, initial=-1.0) > thresholds
