"""Polygons around the pixels of a mask: a polygon per component, with its holes cut out along seams without width."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label
from scipy.spatial import cKDTree

from hypercolumns.annotations import masks
from hypercolumns.annotations.masks import RLE
from hypercolumns.errors import InputError

Ring = NDArray[np.float64]
"""(n, 2) corners x, y of a closed line, in pixels; pixel (r, c) covers c..c+1 and r..r+1."""

_MAX_EDGES = 1_000_000
"""Most edges of pixels along the border of a mask; those of a photograph of 100 megapixels have a tenth of it."""

_STEPS = np.array([(1, 0), (0, 1), (-1, 0), (0, -1)])
"""Right, down, left and up, as x, y."""


def polygons(code: RLE, tolerance: float) -> list[Ring]:
    """Trace a mask, one polygon for each of its components, the largest first.

    Components are connected across edges of pixels, not across corners. Holes are joined to the outline by a line that
    goes there and back, so that the area of a polygon is that of its component for programs that know no holes.

    Parameters
    ----------
    code
        The mask.
    tolerance
        Largest distance in pixels between a polygon and the outline through the middles of the edges of pixels. With 0
        polygons follow the edges themselves, so that they cover the pixels exactly.

    Raises
    ------
    InputError
        If the border of the mask has more than 1,000,000 edges of pixels.

    Examples
    --------
    >>> square = masks.from_polygons([[3, 2, 9, 2, 9, 7, 3, 7]], height=12, width=14)
    >>> [polygon.tolist() for polygon in polygons(square, tolerance=0)]
    [[[3.0, 2.0], [9.0, 2.0], [9.0, 7.0], [3.0, 7.0]]]
    """
    return [join([_simplified(ring, tolerance) for ring in rings]) for rings in _outlines(masks.decode(code))]


def join(rings: Sequence[Ring]) -> Ring:
    """Join rings into a single one: lines that go there and back lead from the first to each of the others.

    They connect the nearest corners and enclose nothing.
    """
    first = rings[0]
    if len(rings) == 1:
        return first
    tree = cKDTree(first)
    joined: dict[int, list[Ring]] = defaultdict(list)
    for ring in rings[1:]:
        distances, nearest = tree.query(ring)
        start = int(distances.argmin())
        joined[int(nearest[start])].append(np.roll(ring, -start, axis=0))
    pieces = []
    for index, corner in enumerate(first):
        pieces.append(corner[None])
        for ring in joined.get(index, ()):
            pieces += [ring, ring[:1], corner[None]]
    return np.concatenate(pieces)


def _outlines(mask: NDArray[np.bool_]) -> list[list[Ring]]:
    """Border of each component of a (height, width) mask, the largest component first.

    Returns
    -------
    The outer ring and the holes of each component, with a corner at every pixel.
    """
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return []
    top, left = int(rows[0]), int(columns[0])
    pixels = np.pad(mask[top : rows[-1] + 1, left : columns[-1] + 1], 1)
    corner = np.array([left - 1, top - 1])
    rings, inside = _rings(pixels)
    components, _ = label(pixels)
    groups: dict[int, list[tuple[float, Ring]]] = defaultdict(list)
    for ring, pixel in zip(rings, inside, strict=True):
        groups[int(components[pixel])].append((_area(ring), ring + corner))
    # Holes have a negative area, and the outer ring of a component the only positive one.
    ordered = sorted(groups.values(), key=lambda found: -sum(area for area, _ in found))
    return [[ring for _, ring in sorted(found, key=lambda item: -item[0])] for found in ordered]


def _rings(pixels: NDArray[np.bool_]) -> tuple[list[Ring], list[tuple[int, int]]]:
    """Follow the edges between a mask and its background, with the mask on the right hand.

    Parameters
    ----------
    pixels
        (height, width), false along its border.

    Returns
    -------
    The rings, and for each the row and column of a pixel of the mask beside it.
    """
    # Edges by direction: above, right of, below and left of a pixel of the mask.
    beside = [pixels & ~np.roll(pixels, shift, axis) for shift, axis in ((1, 0), (-1, 1), (-1, 0), (1, 1))]
    if sum(np.count_nonzero(edges) for edges in beside) > _MAX_EDGES:
        raise InputError(f"A mask has a border of more than {_MAX_EDGES} pixels, which is noise and not an object.")
    starts, directions, owners = [], [], []
    for turn, (edges, offset) in enumerate(zip(beside, ((0, 0), (1, 0), (1, 1), (0, 1)), strict=True)):
        y, x = np.nonzero(edges)
        starts.append(np.stack([x, y], axis=1) + offset)
        directions.append(np.full(len(x), turn))
        owners.append(np.stack([y, x], axis=1))
    start, direction, owner = np.concatenate(starts), np.concatenate(directions), np.concatenate(owners)
    stride = pixels.shape[1] + 1
    number = np.full(4 * stride * (pixels.shape[0] + 1), -1, dtype=np.int32)
    number[4 * (start[:, 1] * stride + start[:, 0]) + direction] = np.arange(len(start))
    end = start + _STEPS[direction]
    corner = 4 * (end[:, 1] * stride + end[:, 0])
    # A right turn stays at the same pixel where two pixels touch at a corner only.
    turns = np.stack([number[corner + (direction + turn) % 4] for turn in (1, 0, 3)], axis=1)
    following = np.take_along_axis(turns, (turns >= 0).argmax(axis=1)[:, None], axis=1)[:, 0].tolist()
    rings, inside, seen = [], [], bytearray(len(following))
    for first in range(len(following)):
        if seen[first]:
            continue
        edge, ring = first, []
        while not seen[edge]:
            seen[edge] = 1
            ring.append(edge)
            edge = following[edge]
        rings.append(start[ring].astype(np.float64))
        inside.append((int(owner[first, 0]), int(owner[first, 1])))
    return rings, inside


def _area(ring: Ring) -> float:
    """Area of a ring, positive if it is clockwise on the screen."""
    x, y = ring.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def _simplified(ring: Ring, tolerance: float) -> Ring:
    """Leave out corners of a ring with a corner at every pixel; see `polygons` for the tolerance."""
    turns = np.any(np.roll(ring, -1, axis=0) - ring != ring - np.roll(ring, 1, axis=0), axis=1)
    exact = ring[turns]
    if tolerance == 0:
        return exact
    kept = _kept((ring + np.roll(ring, -1, axis=0)) / 2, tolerance)
    return kept if len(kept) >= 3 else exact


def _kept(ring: Ring, tolerance: float) -> Ring:
    """Corners of a closed line that the algorithm of Douglas and Peucker keeps."""
    far = int(((ring - ring[0]) ** 2).sum(axis=1).argmax())
    closed = np.concatenate([ring, ring[:1]])
    keep = np.zeros(len(closed), dtype=bool)
    keep[[0, far]] = True
    parts = [(0, far), (far, len(ring))]
    while parts:
        first, last = parts.pop()
        if last - first < 2:
            continue
        along = closed[last] - closed[first]
        steps = closed[first + 1 : last] - closed[first]
        length = float(np.hypot(*along))
        if length:
            distances = np.abs(along[0] * steps[:, 1] - along[1] * steps[:, 0]) / length
        else:
            distances = np.hypot(steps[:, 0], steps[:, 1])
        farthest = int(distances.argmax())
        if distances[farthest] > tolerance:
            middle = first + 1 + farthest
            keep[middle] = True
            parts += [(first, middle), (middle, last)]
    return ring[keep[:-1]]
