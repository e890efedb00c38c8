"""Ranking of candidates: a learned guess of how well each fits an object, and a choice that does not repeat itself."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypercolumns.errors import InputError

FEATURES = (
    "log_area",
    "log_width",
    "log_height",
    "box_fill",
    "log_aspect",
    "diagonal_box_fill",
    "border_share",
    "border_sides",
    "compactness",
    "boundary_contrast",
    "boundary_histogram",
    "boundary_colour",
    "weak_boundary",
    "inner_contrast",
    "inner_histogram",
    "outer_to_inner",
    "centre_x",
    "centre_y",
    "log_superpixels",
    "frame_distance",
    "colour_spread",
    "lightness",
    "kind",
    "votes",
    "node_votes",
)
"""What a candidate is judged by, in the order of the columns that `features` computes."""

_KNOTS = 12
"""Most knots per feature."""
_RIDGE = 1e-3
"""Penalty on squared weights, per training candidate."""
_BLOCK = 256
"""Candidates compared with the kept ones at a time; the choice does not depend on it."""


@dataclass(frozen=True)
class Ranker:
    """A sum of one piecewise linear function per feature: guesses the overlap with the best matching object.

    Attributes
    ----------
    knots
        (f, k) places where the functions bend, rising; a feature with fewer repeats its last one.
    values
        (f, k) values of the functions there.
    bias
        Added to the sum.
    """

    knots: NDArray[np.float64]
    values: NDArray[np.float64]
    bias: float

    def score(self, features: NDArray[np.floating]) -> NDArray[np.float32]:
        """Expected overlap 0 .. 1 of candidates with the given features (n, f); returns (n,)."""
        total = np.full(len(features), self.bias)
        for column, knots, values in zip(features.T, self.knots, self.values, strict=True):
            total += np.interp(column, knots, values)
        # Rounded: sums of features may differ in their last bits with the number of threads that add them.
        return np.round(np.clip(total, 0, 1), 5).astype(np.float32)


def fit(features: NDArray[np.floating], overlaps: NDArray[np.floating]) -> Ranker:
    """Learn from candidates (n, f) and the mask IoU (n,) of each with its best matching object; ridge regression.

    Knots lie at quantiles. Deterministic; ours. Boosted trees guessed no better once near copies were passed over.

    Raises
    ------
    InputError
        When no candidate overlaps an object.
    """
    if not (overlaps > 0).any():
        raise InputError(
            "proposals: no candidate of the training photographs overlaps a counted instance, so nothing tells how "
            "to rank candidates; the train split needs instances that are neither crowd nor difficult."
        )
    quantiles = np.quantile(features, np.linspace(0, 1, _KNOTS), axis=0).T.astype(np.float64)
    knots = [np.unique(row) for row in quantiles]
    design = np.concatenate([_hats(column, row) for column, row in zip(features.T, knots, strict=True)], axis=1)
    bias = float(overlaps.mean())
    gram = design.T @ design + _RIDGE * len(design) * np.eye(design.shape[1])
    weights = np.linalg.solve(gram, design.T @ (overlaps - bias))
    values = np.split(weights, np.cumsum([len(row) for row in knots])[:-1])
    return Ranker(np.stack([_padded(row) for row in knots]), np.stack([_padded(row) for row in values]), bias)


def choose(
    boxes: NDArray[np.integer], scores: NDArray[np.floating], overlap: float, limit: int | None
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The `limit` best candidates whose boxes are no near copies of better ones, best first.

    Greedy suppression: a candidate whose box IoU with a better, kept one exceeds `overlap` is passed over. Where
    fewer than `limit` are left, the best of those passed over follow, with scores lowered by one. Without a
    limit, or with no more candidates than that, all are returned in the order of their scores.

    Parameters
    ----------
    boxes
        (n, 4) x0, y0, x1, y1.
    scores
        (n,) in 0 .. 1.

    Returns
    -------
    Row numbers (k,) and their scores (k,), falling.
    """
    order = np.argsort(-scores, kind="stable")
    if limit is None or len(order) <= limit:
        return order, scores[order].astype(np.float32)
    sides = boxes.astype(np.float32)
    kept = np.empty(0, dtype=np.int64)
    passed = np.empty(0, dtype=np.int64)
    for start in range(0, len(order), _BLOCK):
        rows = order[start : start + _BLOCK]
        copy = np.any(_overlapping(sides[rows], sides[kept], overlap), axis=1)
        rivals = _overlapping(sides[rows], sides[rows], overlap)
        for i in range(len(rows)):
            if not copy[i]:
                copy[i + 1 :] |= rivals[i, i + 1 :]
        kept, passed = np.append(kept, rows[~copy]), np.append(passed, rows[copy])
        if len(kept) >= limit:
            break
    kept = kept[:limit]
    fill = passed[: limit - len(kept)]
    return np.append(kept, fill), np.append(scores[kept], scores[fill] - 1).astype(np.float32)


def _overlapping(first: NDArray[np.float32], second: NDArray[np.float32], overlap: float) -> NDArray[np.bool_]:
    """Whether the IoU of each of n boxes with each of m exceeds `overlap`: (n, m).

    Ten times as fast as comparing `regions.boxes.iou`, and most of an image's ranking time.
    """
    x0, y0, x1, y1 = second.T
    shared = np.maximum(np.minimum(first[:, 2:3], x1) - np.maximum(first[:, 0:1], x0), 0)
    shared *= np.maximum(np.minimum(first[:, 3:4], y1) - np.maximum(first[:, 1:2], y0), 0)
    areas = [(b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1]) for b in (first, second)]
    return shared * np.float32(1 + overlap) > np.float32(overlap) * (areas[0][:, None] + areas[1][None])


def _padded(row: NDArray[np.float64]) -> NDArray[np.float64]:
    """The row at its full length: its last number repeated."""
    return np.pad(row, (0, _KNOTS - len(row)), mode="edge")


def _hats(column: NDArray[np.floating], knots: NDArray[np.float64]) -> NDArray[np.float64]:
    """The piecewise linear basis (n, k): column j is one at knot j and falls to zero at its neighbours."""
    return np.stack([np.interp(column, knots, unit) for unit in np.eye(len(knots))], axis=1)
