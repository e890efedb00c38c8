"""Heat maps back into the photograph."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypercolumns.regions.interpolation import linear_weights


@dataclass(frozen=True)
class Patch:
    """Values of the pixels of a photograph from (`top`, `left`) on; (height, width), zero elsewhere."""

    top: int
    left: int
    values: NDArray[np.float32]

    @property
    def window(self) -> tuple[slice, slice]:
        height, width = self.values.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def paste(heat: NDArray[np.float32], box: NDArray[np.float64], width: int, height: int) -> Patch:
    """Resize a (size, size) heat map to its expanded `box` x0, y0, x1, y1 in a photograph of `width` x `height`.

    Only pixels whose centre lies in the box get a value. Bilinear, as in the paper.
    """
    left, columns = _resize(box[0], box[2], width, heat.shape[1])
    top, rows = _resize(box[1], box[3], height, heat.shape[0])
    return Patch(top, left, np.asarray(rows @ heat @ columns.T, dtype=np.float32))


def mean_by_superpixel(patch: Patch, superpixels: NDArray[np.int32]) -> Patch:
    """Every pixel's value replaced by the mean over its superpixel, pixels outside of the patch counting as zero.

    `superpixels` are the labels of the whole photograph (height, width). Paper, section 4.1, System 1.
    """
    labels = superpixels[patch.window]
    total = np.bincount(labels.ravel(), weights=patch.values.ravel(), minlength=int(superpixels.max()) + 1)
    mean = total / np.bincount(superpixels.ravel(), minlength=len(total))
    # Superpixels reach beyond the box: the answer covers the photograph.
    return Patch(0, 0, mean[superpixels].astype(np.float32))


def _resize(start: float, stop: float, length: int, source: int) -> tuple[int, NDArray[np.float32]]:
    """First pixel and interpolation (pixels, source) along one axis for a box that spans `start` to `stop`."""
    first = max(int(np.ceil(start - 0.5)), 0)
    last = min(int(np.ceil(stop - 0.5)), length)
    centres = np.arange(first, max(last, first), dtype=np.float64) + 0.5
    return first, linear_weights((centres - start) / (stop - start), source).astype(np.float32)
