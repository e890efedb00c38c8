"""Which detection found which instance: greedy matching within one image and one category."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Matching = Literal["voc", "best_free"]


@dataclass(frozen=True)
class Matches:
    """The verdict on n detections at t thresholds; a detection that is neither hit nor neutral is false."""

    hit: NDArray[np.bool_]
    """(n, t) found an instance that counts."""
    neutral: NDArray[np.bool_]
    """(n, t) lies on an ignored instance: neither right nor wrong."""
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
    """Match detections to the instances of one image and category, the best score first, ties in given order.

    Each instance is claimed once per threshold. `difficult` and `crowd` instances are never claimed;
    detections on them are neutral, however many.

    Parameters
    ----------
    overlaps : (n, m) overlap of detection and instance; of a crowd, the share of the detection inside it.
    scores : (n,) confidences.
    thresholds : (t,) overlaps that a hit needs, all above 0.
    difficult, crowd : (m,) which instances are ignored.
    matching : `voc` takes the instance of the highest overlap, >= the threshold, and is false when that
        is claimed; `best_free` takes the best instance not yet claimed, > the threshold.

    Notes
    -----
    The two rules are those of the authors' two evaluators. A crowd has no extent of its own to be best at, so it
    only pardons a detection that would be false, as in COCO; with `voc` a difficult instance takes part in the
    choice of the best instance, as in the VOC development kit.
    """
    judge = _voc if matching == "voc" else _best_free
    n, m, t = *overlaps.shape, len(thresholds)
    result = Matches(np.zeros((n, t), bool), np.zeros((n, t), bool), np.full((n, t), -1, dtype=np.int64))
    claimed = np.zeros((t, m), dtype=bool)
    if m:
        for row in np.argsort(-scores, kind="stable"):
            instance, neutral = judge(overlaps[row], thresholds, difficult, crowd, claimed)
            hit = instance >= 0
            claimed[hit, instance[hit]] = True
            result.hit[row], result.neutral[row], result.instance[row] = hit, neutral & ~hit, instance
    return result


def _voc(
    overlap: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    difficult: NDArray[np.bool_],
    crowd: NDArray[np.bool_],
    claimed: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The instance that one detection claims (t,), -1 for none, and whether it is neutral (t,)."""
    own = np.where(crowd, -1.0, overlap)
    best = int(own.argmax())
    reached = own[best] >= thresholds
    pardoned = np.max(overlap, where=crowd, initial=-1.0) >= thresholds
    if difficult[best]:
        return np.full(len(thresholds), -1), reached | pardoned
    return np.where(reached & ~claimed[:, best], best, -1), pardoned


def _best_free(
    overlap: NDArray[np.float64],
    thresholds: NDArray[np.float64],
    difficult: NDArray[np.bool_],
    crowd: NDArray[np.bool_],
    claimed: NDArray[np.bool_],
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """As `_voc`, by the other rule."""
    ignored = difficult | crowd
    free = np.where(claimed | ignored, -1.0, overlap)
    best = free.argmax(axis=1)
    instance = np.where(free.max(axis=1) > thresholds, best, -1)
    return instance, np.max(overlap, where=ignored, initial=-1.0) > thresholds
