"""Places for the labels of objects: inside the picture, beside their objects, and apart from one another."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

Array = NDArray[np.float64]

_SLIDES = 8
"""Steps in which a label may slide along an edge of its object."""
_NEIGHBOURS = 50
"""Placed labels that a label may be aligned with, the nearest ones, so that the places to compare do not grow with the
number of objects."""
_AWAY, _MOST = 2.0, 1.9
"""Cost of a label away from its object, without the distance, and highest cost of one beside it."""
_OVERLAP = 20.0
"""Cost of covering as much of other labels as the label is large; counts where no place is free."""
_HIDDEN_OWN, _HIDDEN_AWAY = 0.6, 6.0
"""Cost of covering the label's object as a whole, relative to another object, for which it is 1; and the factor of both
for a label away from its object, which is free to go where nothing is."""


@dataclass(frozen=True)
class Label:
    """Place of a label: upper left corner and size, in pixels of the canvas."""

    x: float
    y: float
    width: float
    """At most that of the canvas."""
    height: float
    """At most that of the canvas."""
    leader: tuple[float, float, float, float] | None = None
    """x, y of the end at the label and x, y of the end in the object, of a line that leads from a label that does not
    touch its object; None for one that does."""


def place_labels(boxes: ArrayLike, sizes: ArrayLike, canvas: tuple[float, float]) -> list[Label]:
    """Place a label beside each object.

    A label touches the box of its object where that leaves it clear of other labels: above it, or else inside its upper
    edge, below, or at another place along its border. Otherwise it takes the nearest free place, and where none is free
    the one that covers little of other labels and is near. Small objects choose first, since large ones have more room.
    Among equal places a label avoids hiding small objects.

    Parameters
    ----------
    boxes
        (n, 4) tight boxes x0, y0, x1, y1 of the objects; may extend beyond the canvas.
    sizes
        (n, 2) width and height of the labels; cut to those of the canvas.
    canvas
        Width and height.

    Returns
    -------
    n labels in the order of the boxes, wholly inside the canvas. Equal arguments give equal labels.

    Raises
    ------
    ValueError
        If a box, a size or the canvas is not finite, or if there are not as many sizes as boxes.

    Examples
    --------
    >>> place_labels([(20, 30, 60, 50)], [(30, 10)], (100, 100))
    [Label(x=20.0, y=20.0, width=30.0, height=10.0, leader=None)]
    """
    limits = np.asarray(canvas, dtype=np.float64)
    corners = np.asarray(boxes, dtype=np.float64).reshape(-1, 2, 2)
    extents = np.asarray(sizes, dtype=np.float64).reshape(-1, 2)
    if len(corners) != len(extents):
        raise ValueError(f"There are {len(corners)} boxes and {len(extents)} sizes of labels.")
    if not (np.isfinite(corners).all() and np.isfinite(extents).all() and np.isfinite(limits).all()):
        raise ValueError("Boxes, sizes of labels and the canvas must be finite.")
    corners = np.clip(np.sort(corners, axis=1), 0, limits)
    extents = np.clip(extents, 0, limits)
    areas = np.maximum(np.prod(corners[:, 1] - corners[:, 0], axis=1), 1.0)
    starts = np.zeros_like(extents)
    done: list[int] = []
    with threadpool_limits(1, "blas"):  # the products are so small that threads would make them ten times slower
        for i in np.argsort(areas, kind="stable").tolist():
            starts[i] = _place(i, corners, areas, extents, limits, starts[done], extents[done])
            done.append(i)
    return [
        Label(x, y, width, height, _leader((x, y), (width, height), box))
        for (x, y), (width, height), box in zip(starts.tolist(), extents.tolist(), corners, strict=True)
    ]


def _place(
    i: int, corners: Array, areas: Array, extents: Array, limits: Array, placed: Array, placed_extents: Array
) -> Array:
    """Upper left corner of label i.

    Its candidates are all pairs of a column and a row: those that align it with its box, with the nearest labels that
    are placed, and with the canvas. A sum of overlaps over rectangles is then a product of two matrices.
    """
    size, box = extents[i], corners[i]
    between = np.maximum(np.maximum(box[0] - placed - placed_extents, placed - box[1]), 0)
    near = np.argsort(np.hypot(*between.T), kind="stable")[:_NEIGHBOURS]
    candidates = [
        _candidates(box[:, axis], size[axis], limits[axis], placed[near, axis], placed_extents[near, axis])
        for axis in (0, 1)
    ]
    covered, hidden, gaps, touching = [], [], [], []
    for axis, values in enumerate(candidates):
        end = values + size[axis]
        covered.append(_shared(values, end, placed[:, axis], placed[:, axis] + placed_extents[:, axis]))
        hidden.append(_shared(values, end, corners[:, 0, axis], corners[:, 1, axis]))
        gaps.append(np.maximum(np.maximum(box[0, axis] - end, values - box[1, axis]), 0))
        touching.append((values >= box[1, axis]) | (end <= box[0, axis]))
    overlap = covered[0] @ covered[1].T / max(size.prod(), 1e-9)
    weights = np.ones(len(areas))
    weights[i] = _HIDDEN_OWN
    objects = hidden[0] @ (hidden[1] * weights / areas).T
    cost = objects.copy()
    cost += _preference(candidates[0], box[:, 0], size[0], (0.0, 0.08, 0.3, 0.32, 0.12))[:, None]
    cost += _preference(candidates[1], box[:, 1], size[1], (0.1, 0.3, 0.0, 0.25, 0.4))
    cost += 0.3 * np.outer(touching[0], touching[1])  # at a corner
    distance = np.hypot(gaps[0][:, None], gaps[1])
    away = _AWAY + distance / max(size[1], 1e-9) + _HIDDEN_AWAY * objects
    cost = np.where(distance > 0, away, _MOST * cost / (1 + cost))
    free = overlap < 1e-6
    total = np.where(free, cost, np.inf) if free.any() else cost + _OVERLAP * overlap
    column, row = np.unravel_index(np.argmin(np.round(total, 9)), total.shape)
    return np.array([candidates[0][column], candidates[1][row]])


def _candidates(box: Array, size: float, limit: float, placed: Array, placed_sizes: Array) -> Array:
    """Starts of a label along one axis, in order of rising coordinates."""
    start, end = box
    along = np.linspace(start, max(end - size, start), _SLIDES)
    aligned = [start, end - size, start - size, end, (start + end - size) / 2]
    values = np.concatenate([along, aligned, [0.0, limit - size], placed - size, placed + placed_sizes])
    return np.unique(np.clip(values, 0, limit - size))


def _shared(start: Array, end: Array, starts: Array, ends: Array) -> Array:
    """Lengths that n intervals share with m others, (n, m)."""
    return np.maximum(np.minimum(end[:, None], ends) - np.maximum(start[:, None], starts), 0)


def _preference(values: Array, box: Array, size: float, costs: Sequence[float]) -> Array:
    """Costs of starts that align a label with its box: first edge inside, last edge inside, before, after; others."""
    aligned = np.stack([np.abs(values - edge) < 1e-6 for edge in (box[0], box[1] - size, box[0] - size, box[1])])
    lowest = np.min(np.where(aligned, np.array(costs[:4])[:, None], np.inf), axis=0)
    return np.where(aligned.any(axis=0), lowest, costs[4])


def _leader(start: Sequence[float], size: Sequence[float], box: Array) -> tuple[float, float, float, float] | None:
    """Line between a label and an object, if they do not touch; it ends half way between border and centre."""
    first = np.array(start)
    last = first + size
    if (first <= box[1] + 1e-6).all() and (last >= box[0] - 1e-6).all():
        return None
    centre = box.mean(axis=0)
    inner = (box + centre) / 2
    target = np.clip((first + last) / 2, inner[0], inner[1])
    (x0, y0), (x1, y1) = np.clip(target, first, last).tolist(), target.tolist()
    return x0, y0, x1, y1
