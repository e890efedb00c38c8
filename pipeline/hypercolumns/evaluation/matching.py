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
    best_free = matching == "best_free"
    above = np.greater if best_free else np.greater_equal
    excuses = crowd | (difficult & best_free)  # never candidates; they only make false detections neutral
    n, m, t = *overlaps.shape, len(thresholds)
    excused = above(np.max(overlaps, axis=1, where=excuses, initial=-1.0)[:, None], thresholds)
    matches = Matches(np.zeros((n, t), bool), excused, np.full((n, t), -1, dtype=np.int64))
    if not m:
        return matches
    claimed = np.zeros((t, m), dtype=bool)
    at = np.arange(t)
    for row in np.argsort(-scores, kind="stable"):
        # With `voc`, the best instance may be claimed or difficult: then there is no hit, even if another one is free.
        candidates = np.where(excuses | (claimed & best_free), -1.0, overlaps[row])
        best = candidates.argmax(axis=1)
        reached = above(candidates[at, best], thresholds)
        hit = reached & ~difficult[best] & ~claimed[at, best]
        claimed[at[hit], best[hit]] = True
        matches.hit[row], matches.instance[row] = hit, np.where(hit, best, -1)
        matches.neutral[row] = ~hit & (excused[row] | (reached & difficult[best]))
    return matches
