"""Superpixels of a photograph, their appearance and the graph of neighbours."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hypercolumns.parameters import ProposalParameters

_COLOUR_BINS = 8, 12, 12
"""Bins of the L, a and b histograms."""
_COLOUR_RANGES = (0.0, 1.0), (-0.6, 0.6), (-0.6, 0.6)
"""Ranges of the L, a and b histograms, divided by 100; the few natural colours outside fall into the outer bins."""
_CONTRAST_BLUR = 1.0
"""Sigma, in pixels, of the blur that keeps compression noise out of the contrast."""


@dataclass(frozen=True)
class Superpixels:
    """The n superpixels of one image and the m pairs that share a boundary.

    Attributes
    ----------
    labels
        (height, width) int32, 0 .. n - 1.
    area
        (n,) pixels.
    boxes
        (n, 4) int32 tight boxes x0, y0, x1, y1, end-exclusive.
    diagonal_boxes
        (n, 4) int32 boxes of the coordinates x + y and x - y, turned by 45 degrees.
    borders
        (n, 4) number of pixels on the top, bottom, left and right border of the image.
    position
        (n, 2) centroid x, y, divided by the longer side.
    colour
        (n, 3) mean Lab, divided by 100.
    texture
        (n, 4) mean absolute horizontal and vertical derivative of L at two scales.
    histogram
        (n, 32) square roots of the L, a and b histograms: Euclidean distances are Hellinger distances.
    edges
        (m, 2) pairs of neighbouring labels, the smaller first, in ascending order.
    boundary
        (m,) length of the shared boundary in pixel sides.
    contrast
        (m,) mean Lab distance across that boundary, divided by 100.
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
        """Number of superpixels, n."""
        return len(self.area)


def segment(image: NDArray[np.uint8], settings: ProposalParameters) -> NDArray[np.int32]:
    """Partition an RGB image (height, width, 3) into superpixels.

    Returns
    -------
    (height, width) int32 labels 0 .. n - 1; each superpixel is connected (8 neighbours).

    Notes
    -----
    The graph segmentation of Felzenszwalb and Huttenlocher (2004), run on Lab: for equal numbers of superpixels, the
    best union of them fits instances better than on RGB. Photographs whose longer side exceeds
    `settings.longest_side` are segmented at that size.
    """
    height, width = image.shape[:2]
    shrink = min(1.0, settings.longest_side / max(height, width))
    if shrink < 1:
        size = max(1, round(width * shrink)), max(1, round(height * shrink))
        small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
        labels = cv2.resize(_segment(small, settings), (width, height), interpolation=cv2.INTER_NEAREST_EXACT)
        return relabel_sequential(np.asarray(labels, dtype=np.int32))
    return relabel_sequential(_segment(image, settings))


def _segment(image: NDArray[np.uint8], settings: ProposalParameters) -> NDArray[np.int32]:
    lab = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2LAB)
    minimum = settings.superpixel_minimum
    while True:
        segmentation = cv2.ximgproc.segmentation.createGraphSegmentation(
            settings.superpixel_sigma, settings.superpixel_scale, minimum
        )
        labels = segmentation.processImage(lab)
        if labels.max() < settings.superpixel_maximum:
            return np.asarray(labels, dtype=np.int32)
        minimum *= 2


def relabel_sequential(labels: NDArray[np.integer]) -> NDArray[np.int32]:
    """Renumber labels as 0 .. n - 1, keeping their order.

    Examples
    --------
    >>> relabel_sequential(np.array([[7, 7, 2], [9, 2, 2]]))
    array([[1, 1, 0],
           [2, 0, 0]], dtype=int32)
    """
    _, inverse = np.unique(labels, return_inverse=True)
    return inverse.reshape(labels.shape).astype(np.int32)


def describe(image: NDArray[np.uint8], labels: NDArray[np.int32]) -> Superpixels:
    """Measure the superpixels of an RGB image (height, width, 3); `labels` (height, width) run from 0 to n - 1."""
    n = int(labels.max()) + 1
    flat = labels.ravel()
    area = np.bincount(flat, minlength=n).astype(np.float64)
    lab = _lab(image)
    indices: NDArray[np.int64] = np.indices(labels.shape)
    rows, columns = indices[0], indices[1]
    edges, boundary, contrast = _neighbours(labels, _lab(cv2.GaussianBlur(image, (0, 0), _CONTRAST_BLUR)))

    def means(channels: Sequence[NDArray]) -> NDArray[np.float64]:
        return np.stack([np.bincount(flat, c.ravel(), n) for c in channels], axis=1) / area[:, None]

    return Superpixels(
        labels=labels,
        area=area,
        boxes=_extents(labels, columns, rows),
        diagonal_boxes=_extents(labels, columns + rows, columns - rows),
        borders=np.stack(
            [np.bincount(side, minlength=n) for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1])], axis=1
        ).astype(np.float64),
        position=(means([columns, rows]) + 0.5) / max(labels.shape),
        colour=means(list(np.moveaxis(lab, 2, 0))),
        texture=means(_derivatives(lab[:, :, 0])),
        histogram=_histograms(flat, lab.reshape(-1, 3), area),
        edges=edges,
        boundary=boundary,
        contrast=contrast,
    )


def pixel_counts(labels: NDArray[np.int32], n: int, mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count the pixels of `mask` (height, width) in each of the `n` superpixels: (n,).

    Examples
    --------
    >>> pixel_counts(np.array([[0, 0, 1], [2, 2, 1]]), 3, np.array([[True, True, True], [False, False, False]]))
    array([2, 1, 0])
    """
    return np.bincount(labels[mask], minlength=n)


def _lab(image: NDArray) -> NDArray[np.floating]:
    """Lab of an RGB image, divided by 100."""
    return cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) / 100


def _derivatives(lightness: NDArray[np.floating]) -> list[NDArray]:
    """Absolute horizontal and vertical derivatives at each pixel, after blurs of one and two pixels."""
    derivatives: list[NDArray] = []
    for sigma in (1.0, 2.0):
        blurred = cv2.GaussianBlur(lightness, (0, 0), sigma)
        derivatives += [np.abs(cv2.Sobel(blurred, cv2.CV_32F, dx, 1 - dx, ksize=3)) / 4 for dx in (1, 0)]
    return derivatives


def _histograms(flat: NDArray[np.int32], lab: NDArray[np.floating], area: NDArray[np.float64]) -> NDArray[np.float64]:
    """Square roots of the histograms of the three channels, side by side: (n, bins)."""
    n = len(area)
    histograms = []
    for channel, (bins, (low, high)) in enumerate(zip(_COLOUR_BINS, _COLOUR_RANGES, strict=True)):
        index = np.clip((lab[:, channel] - low) * (bins / (high - low)), 0, bins - 1).astype(np.int64)
        histograms.append(np.bincount(flat.astype(np.int64) * bins + index, minlength=n * bins).reshape(n, bins))
    return np.sqrt(np.concatenate(histograms, axis=1) / area[:, None])


def _extents(labels: NDArray[np.int32], x: NDArray[np.int64], y: NDArray[np.int64]) -> NDArray[np.int32]:
    """Bounding box of each label in coordinates x, y, end-exclusive: (n, 4)."""
    order = np.argsort(labels, axis=None, kind="stable")
    sorted_labels = labels.ravel()[order]
    starts = np.flatnonzero(np.diff(sorted_labels, prepend=-1))
    x, y = x.ravel()[order], y.ravel()[order]
    low, high = np.minimum.reduceat, np.maximum.reduceat
    return np.stack([low(x, starts), low(y, starts), high(x, starts) + 1, high(y, starts) + 1], axis=1).astype(np.int32)


def _neighbours(
    labels: NDArray[np.int32], lab: NDArray[np.floating]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Find the pairs of labels that touch along pixel sides; returns `edges`, `boundary` and `contrast`."""
    n = int(labels.max()) + 1
    keys, differences = [], []
    for first, second in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        a, b = labels[first], labels[second]
        differ = a != b
        low, high = np.minimum(a[differ], b[differ]), np.maximum(a[differ], b[differ])
        keys.append(low.astype(np.int64) * n + high)
        differences.append(np.linalg.norm(lab[first][differ] - lab[second][differ], axis=1))
    unique, inverse = np.unique(np.concatenate(keys), return_inverse=True)
    boundary = np.bincount(inverse, minlength=len(unique)).astype(np.float64)
    contrast = np.bincount(inverse, np.concatenate(differences), len(unique)) / np.maximum(boundary, 1)
    return np.stack([unique // n, unique % n], axis=1), boundary, contrast
