"""Features of candidates for the ranking, computed from superpixels alone: shape, boundary, contents and votes."""

import numpy as np
from numpy.typing import NDArray

from hypercolumns.proposals.candidates import Candidates
from hypercolumns.proposals.superpixels import Superpixels

_WEAK_CONTRAST = 0.05
"""Lab distance, divided by 100, below which a boundary is hardly visible."""
_BLOCK_SIZE = 2048
"""Candidates whose cut edges are found at a time; bounds memory."""


def measure(superpixels: Superpixels, candidates: Candidates) -> NDArray[np.float32]:
    """Compute the features (n, len(ranking.FEATURES)) of an image's candidates.

    Notes
    -----
    Each feature follows from sums over superpixels or over cut edges, so a few matrix products serve all candidates.
    """
    s = superpixels
    members = candidates.members
    height, width = s.labels.shape
    first, second = s.edges.T
    histogram_step = np.linalg.norm(s.histogram[first] - s.histogram[second], axis=1)
    colour_step = np.linalg.norm(s.colour[first] - s.colour[second], axis=1)
    steps = np.stack(
        [np.ones_like(s.contrast), s.contrast, histogram_step, colour_step, s.contrast < _WEAK_CONTRAST], axis=1
    )
    edge_sums = steps * s.boundary[:, None]
    cut = _cut_sums(members, s.edges, edge_sums)
    incident = np.zeros((s.count, edge_sums.shape[1]))
    np.add.at(incident, first, edge_sums)
    np.add.at(incident, second, edge_sums)

    weighted = np.concatenate([s.colour, (s.colour**2).sum(axis=1, keepdims=True), s.histogram], axis=1)
    table = np.concatenate([s.area[:, None], s.borders, incident, weighted * s.area[:, None]], axis=1)
    sums = members.astype(np.float32) @ table.astype(np.float32)
    area, borders = sums[:, 0], sums[:, 1:5]
    inside = (sums[:, 5:10] - cut) / 2
    mean = sums[:, 10:] / area[:, None]
    colour, square, histogram = mean[:, :3], mean[:, 3], mean[:, 4:]

    x0, y0, x1, y1 = candidates.boxes.T.astype(np.float64)
    u0, v0, u1, v1 = candidates.diagonal_boxes.T.astype(np.float64)
    box_width, box_height = x1 - x0, y1 - y0
    outline = cut[:, 0] + borders.sum(axis=1)
    outer = cut / np.maximum(cut[:, :1], 1)
    inner = inside / np.maximum(inside[:, :1], 1)
    frame = s.borders.sum(axis=1)
    frame_histogram = frame @ s.histogram / frame.sum()
    columns = [
        np.log(area / (height * width)),
        np.log(box_width / width),
        np.log(box_height / height),
        area / (box_width * box_height),
        np.log(box_width / box_height),
        2 * area / ((u1 - u0) * (v1 - v0)),
        borders.sum(axis=1) / outline,
        (borders > 0).sum(axis=1),
        4 * np.pi * area / outline**2,
        *outer[:, 1:].T,
        *inner[:, 1:3].T,
        outer[:, 2] / (inner[:, 2] + 0.1),
        (x0 + x1) / (2 * width),
        (y0 + y1) / (2 * height),
        np.log(members.sum(axis=1)),
        np.linalg.norm(histogram - frame_histogram, axis=1),
        np.sqrt(np.maximum(square - (colour**2).sum(axis=1), 0)),
        colour[:, 0],
        candidates.kind,
        candidates.votes,
        candidates.node_votes,
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def _cut_sums(members: NDArray[np.bool_], edges: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float32]:
    """Sum the values (m, k) of the edges that have exactly one end inside a region, for n regions: (n, k)."""
    by_superpixel = np.ascontiguousarray(members.T)
    sums = np.empty((len(members), values.shape[1]), dtype=np.float32)
    transposed = values.T.astype(np.float32)
    for start in range(0, len(members), _BLOCK_SIZE):
        part = by_superpixel[:, start : start + _BLOCK_SIZE]
        crossing = part[edges[:, 0]] != part[edges[:, 1]]
        sums[start : start + _BLOCK_SIZE] = (transposed @ crossing.astype(np.float32)).T
    return sums
