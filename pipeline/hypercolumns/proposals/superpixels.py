"""Superpixels of a photograph, what is known about each of them, and the graph of neighbours."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hypercolumns.parameters import ProposalParameters

_COLOUR_BINS = 8, 12, 12
"""Bins of the L, a and b histograms."""
_COLOUR_RANGES = (0.0, 1.0), (-0.6, 0.6), (-0.6, 0.6)
"""Their ranges in hundredths of Lab units; few natural colours lie outside, and those fall into the outer bins."""


@dataclass(frozen=True)
class Superpixels:
    """The n superpixels of one image and the m pairs of them that share a boundary.

    Attributes
    ----------
    labels
        (height, width) int32, 0 .. n - 1.
    area
        (n,) pixels.
    boxes
        (n, 4) int32 tight boxes x0, y0, x1, y1, end-exclusive.
    diagonal_boxes
        (n, 4) the same for the coordinates x + y and x - y: boxes turned by 45 degrees.
    borders
        (n, 4) pixels on the top, bottom, left and right border of the image.
    position
        (n, 2) centroid x, y as shares of the longer side.
    colour
        (n, 3) mean Lab, divided by 100.
    texture
        (n, 4) mean absolute horizontal and vertical derivative of L at two scales.
    histogram
        (n, 32) square roots of the L, a and b histograms: Euclidean distances are Hellinger distances.
    edges
        (m, 2) pairs of neighbours, the smaller label first, sorted.
    boundary
        (m,) length of the common boundary in pixel sides.
    contrast
        (m,) mean Lab distance (/ 100) of the pixels on either side of it.
    """

    labels: NDArray[np.int32]
    area: NDArray[np.float64]
    boxes: NDArray[np.int32]
    diagonal_boxes: NDArray[np.int32]
    borders: NDArray[np.float64]
    position: NDArray[np.float64]
    colour: NDArray[np.float64]
    texture: NDArray[np.float64]
    histogram: NDArray[np.float64]
    edges: NDArray[np.int64]
    boundary: NDArray[np.float64]
    contrast: NDArray[np.float64]

    @property
    def count(self) -> int:
        return len(self.area)


def segment(image: NDArray[np.uint8], settings: ProposalParameters) -> NDArray[np.int32]:
    """Superpixel labels 0 .. n - 1 of an RGB image, (height, width); each superpixel is connected (8 neighbours).

    Felzenszwalb and Huttenlocher's graph segmentation, run on Lab: for equal numbers of superpixels their
    best union fits instances better than that of RGB. Large photographs are segmented at a smaller size.
    """
    height, width = image.shape[:2]
    shrink = min(1.0, settings.longest_side / max(height, width))
    if shrink < 1:
        size = max(1, round(width * shrink)), max(1, round(height * shrink))
        small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        labels = cv2.resize(_segment(small, settings), (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        return consecutive(np.asarray(labels, dtype=np.int32))
    return consecutive(_segment(image, settings))


def _segment(image: NDArray[np.uint8], settings: ProposalParameters) -> NDArray[np.int32]:
    lab = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2LAB)
    minimum = settings.superpixel_minimum
    while True:
        method = cv2.ximgproc.segmentation.createGraphSegmentation(
            settings.superpixel_sigma, settings.superpixel_scale, minimum
        )
        labels = method.processImage(lab)
        if labels.max() < settings.superpixel_maximum:
            return np.asarray(labels, dtype=np.int32)
        minimum = 2 * minimum


def consecutive(labels: NDArray[np.integer]) -> NDArray[np.int32]:
    """The same partition with labels 0 .. n - 1, in the order of the given labels."""
    _, inverse = np.unique(labels, return_inverse=True)
    return inverse.reshape(labels.shape).astype(np.int32)


def describe(image: NDArray[np.uint8], labels: NDArray[np.int32]) -> Superpixels:
    """Measure the superpixels `labels` (height, width; consecutive) of an RGB image."""
    n = int(labels.max()) + 1
    flat = labels.ravel()
    area = np.bincount(flat, minlength=n).astype(np.float64)
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) / 100
    indices: NDArray[np.int64] = np.indices(labels.shape)
    rows, columns = indices[0], indices[1]
    edges, boundary, contrast = _neighbours(labels, _smooth(image))

    def mean(channels: Sequence[NDArray]) -> NDArray[np.float64]:
        return np.stack([np.bincount(flat, c.ravel(), n) for c in channels], axis=1) / area[:, None]

    return Superpixels(
        labels=labels,
        area=area,
        boxes=_extents(labels, columns, rows),
        diagonal_boxes=_extents(labels, columns + rows, columns - rows),
        borders=np.stack(
            [np.bincount(b, minlength=n) for b in (labels[0], labels[-1], labels[:, 0], labels[:, -1])], axis=1
        ).astype(np.float64),
        position=(mean([columns, rows]) + 0.5) / max(labels.shape),
        colour=mean(list(np.moveaxis(lab, 2, 0))),
        texture=mean(_derivatives(lab[:, :, 0])),
        histogram=_histogram(flat, lab.reshape(-1, 3), area),
        edges=edges,
        boundary=boundary,
        contrast=contrast,
    )


def pixel_counts(labels: NDArray[np.int32], n: int, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Pixels of `mask` (height, width) in each of the `n` superpixels: (n,)."""
    return np.bincount(labels[mask], minlength=n)


def _smooth(image: NDArray[np.uint8]) -> NDArray[np.floating]:
    """Lab / 100 after a blur of one pixel, so that compression noise makes no contrast."""
    blurred = cv2.GaussianBlur(image, (0, 0), 1.0).astype(np.float32) / 255
    return cv2.cvtColor(blurred, cv2.COLOR_RGB2LAB) / 100


def _derivatives(lightness: NDArray[np.floating]) -> list[NDArray]:
    """Absolute horizontal and vertical derivatives per pixel after blurs of one and two pixels."""
    result: list[NDArray] = []
    for sigma in (1.0, 2.0):
        blurred = cv2.GaussianBlur(lightness, (0, 0), sigma)
        result += [np.abs(cv2.Sobel(blurred, cv2.CV_32F, dx, 1 - dx, ksize=3)) / 4 for dx in (1, 0)]
    return result


def _histogram(flat: NDArray[np.int32], lab: NDArray[np.floating], area: NDArray[np.float64]) -> NDArray[np.float64]:
    n = len(area)
    parts = []
    for channel, (bins, (low, high)) in enumerate(zip(_COLOUR_BINS, _COLOUR_RANGES, strict=True)):
        index = np.clip((lab[:, channel] - low) * (bins / (high - low)), 0, bins - 1).astype(np.int64)
        parts.append(np.bincount(flat.astype(np.int64) * bins + index, minlength=n * bins).reshape(n, bins))
    return np.sqrt(np.concatenate(parts, axis=1) / area[:, None])


def _extents(labels: NDArray[np.int32], x: NDArray[np.int64], y: NDArray[np.int64]) -> NDArray[np.int32]:
    """Smallest x, y and largest x, y plus one of every label: (n, 4)."""
    order = np.argsort(labels, axis=None, kind="stable")
    sorted_labels = labels.ravel()[order]
    starts = np.flatnonzero(np.diff(sorted_labels, prepend=-1))
    x, y = x.ravel()[order], y.ravel()[order]
    low, high = np.minimum.reduceat, np.maximum.reduceat
    return np.stack([low(x, starts), low(y, starts), high(x, starts) + 1, high(y, starts) + 1], axis=1).astype(np.int32)


def _neighbours(
    labels: NDArray[np.int32], lab: NDArray[np.floating]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Edges, boundary lengths and contrasts of the pairs of labels that touch along pixel sides."""
    n = int(labels.max()) + 1
    keys, differences = [], []
    for first, second in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        a, b = labels[first], labels[second]
        apart = a != b
        low, high = np.minimum(a[apart], b[apart]), np.maximum(a[apart], b[apart])
        keys.append(low.astype(np.int64) * n + high)
        differences.append(np.linalg.norm(lab[first][apart] - lab[second][apart], axis=1))
    unique, inverse = np.unique(np.concatenate(keys), return_inverse=True)
    boundary = np.bincount(inverse, minlength=len(unique)).astype(np.float64)
    contrast = np.bincount(inverse, np.concatenate(differences), len(unique)) / np.maximum(boundary, 1)
    return np.stack([unique // n, unique % n], axis=1), boundary, contrast
