"""Ranking of candidates: predict how well each fits an object, then choose the best without near duplicates."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypercolumns.errors import InputError

FEATURES = (
    *("log_area", "log_width", "log_height", "box_fill", "log_aspect", "diagonal_box_fill"),
    *("border_share", "border_sides", "compactness"),
    *("boundary_contrast", "boundary_histogram", "boundary_colour", "weak_boundary"),
    *("inner_contrast", "inner_histogram", "outer_to_inner"),
    *("centre_x", "centre_y", "log_superpixels", "frame_distance", "colour_spread", "lightness"),
    *("kind", "votes", "node_votes"),
)
"""Features of a candidate, in the order of the columns that `features.measure` computes."""

_MAX_KNOTS = 12
"""Largest number of knots per feature; features with few distinct values have fewer."""
_RIDGE_PENALTY = 1e-3
"""L2 penalty per training candidate."""
_BLOCK_SIZE = 256
"""Candidates compared with the kept ones at a time; does not affect the choice."""


@dataclass(frozen=True)
class Ranker:
    """Predicts the overlap of a candidate with the object it fits best: one piecewise linear function per feature.

    The overlap is the mask IoU or, for objects without a mask, the box IoU.

    Attributes
    ----------
    knots
        (f, k) knots of the functions, ascending; a feature with fewer knots repeats its last one.
    values
        (f, k) values of the functions at the knots.
    bias
        Added to the sum of the functions.
    """

    knots: NDArray[np.float64]
    values: NDArray[np.float64]
    bias: float

    def score(self, features: NDArray[np.floating]) -> NDArray[np.float32]:
        """Predict the overlap of candidates from their features (n, f): (n,) in 0 .. 1."""
        total = np.full(len(features), self.bias)
        for column, knots, values in zip(features.T, self.knots, self.values, strict=True):
            total += np.interp(column, knots, values)
        # Rounded because the last bits of the features may depend on the number of threads.
        return np.round(np.clip(total, 0, 1), 5).astype(np.float32)


def fit(features: NDArray[np.floating], overlaps: NDArray[np.floating]) -> Ranker:
    """Fit the ranker by ridge regression, with knots at quantiles of the features.

    Parameters
    ----------
    features
        (n, f) features of training candidates.
    overlaps
        (n,) overlap of each with the object it fits best.

    Raises
    ------
    InputError
        When no candidate overlaps an object.

    Notes
    -----
    Deterministic. Boosted trees rank no better once near duplicates are suppressed. Ours.
    """
    if not (overlaps > 0).any():
        raise InputError(
            "proposals: the ranking of candidates cannot be learned because no candidate in the training photographs "
            "overlaps an object; the train split needs instances that are neither crowd nor difficult."
        )
    from threadpoolctl import threadpool_limits  # which those who only rank need not install

    quantiles = np.quantile(features, np.linspace(0, 1, _MAX_KNOTS), axis=0).T.astype(np.float64)
    knots = [np.unique(row) for row in quantiles]
    design = np.concatenate([_hats(column, row) for column, row in zip(features.T, knots, strict=True)], axis=1)
    bias = float(overlaps.mean())
    with threadpool_limits(1, "blas"):  # the order of sums depends on the number of threads
        gram = design.T @ design + _RIDGE_PENALTY * len(design) * np.eye(design.shape[1])
        weights = np.linalg.solve(gram, design.T @ (overlaps - bias))
    values = np.split(weights, np.cumsum([len(row) for row in knots])[:-1])
    return Ranker(_stack_padded(knots), _stack_padded(values), bias)


def choose(
    boxes: NDArray[np.integer], scores: NDArray[np.floating], overlap: float, limit: int | None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Choose the best candidates by greedy non-maximum suppression.

    A candidate whose box IoU with a better, kept one exceeds `overlap` is suppressed. If fewer than `limit` remain, the
    best suppressed ones follow, with scores lowered by one. Without a limit, or with at most `limit` candidates, none
    is suppressed.

    Parameters
    ----------
    boxes
        (n, 4) x0, y0, x1, y1.
    scores
        (n,) in 0 .. 1.
    overlap
        Largest box IoU that two kept candidates may have.
    limit
        Number of candidates to choose; None chooses all.

    Returns
    -------
    Row numbers (k,) and scores (k,) of the chosen candidates, by descending score.

    Examples
    --------
    >>> boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30]])
    >>> rows, scores = choose(boxes, np.array([0.9, 0.8, 0.1]), overlap=0.5, limit=2)
    >>> rows.tolist()
    [0, 2]
    """
    order = np.argsort(-scores, kind="stable")
    if limit is None or len(order) <= limit:
        return order, scores[order].astype(np.float32)
    sides = boxes.astype(np.float32)
    kept = np.empty(0, dtype=np.int64)
    suppressed = np.empty(0, dtype=np.int64)
    for start in range(0, len(order), _BLOCK_SIZE):
        rows = order[start : start + _BLOCK_SIZE]
        duplicate = np.any(_overlapping(sides[rows], sides[kept], overlap), axis=1)
        rivals = _overlapping(sides[rows], sides[rows], overlap)
        for i in range(len(rows)):
            if not duplicate[i]:
                duplicate[i + 1 :] |= rivals[i, i + 1 :]
        kept, suppressed = np.append(kept, rows[~duplicate]), np.append(suppressed, rows[duplicate])
        if len(kept) >= limit:
            break
    kept = kept[:limit]
    fill = suppressed[: limit - len(kept)]
    return np.append(kept, fill), np.append(scores[kept], scores[fill] - 1).astype(np.float32)


def _overlapping(first: NDArray[np.float32], second: NDArray[np.float32], overlap: float) -> NDArray[np.bool_]:
    """Test which pairs of n and m boxes have an IoU above `overlap`: (n, m).

    Notes
    -----
    Dominates the time of ranking an image; comparing `regions.boxes.iou` instead takes ten times as long.
    """
    x0, y0, x1, y1 = second.T
    shared = np.maximum(np.minimum(first[:, 2:3], x1) - np.maximum(first[:, 0:1], x0), 0)
    shared *= np.maximum(np.minimum(first[:, 3:4], y1) - np.maximum(first[:, 1:2], y0), 0)
    areas = [(b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]) for b in (first, second)]
    return shared * np.float32(1 + overlap) > np.float32(overlap) * (areas[0][:, None] + areas[1][None])


def _stack_padded(rows: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Stack rows, each padded to `_MAX_KNOTS` by repeating its last number."""
    return np.stack([np.pad(row, (0, _MAX_KNOTS - len(row)), mode="edge") for row in rows])


def _hats(column: NDArray[np.floating], knots: NDArray[np.float64]) -> NDArray[np.float64]:
    """Evaluate the piecewise linear basis (n, k): function j is one at knot j and falls to zero at its neighbours."""
    return np.stack([np.interp(column, knots, unit) for unit in np.eye(len(knots))], axis=1)
