"""Heat maps pasted back into the photograph, and mixed with superpixels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypercolumns.regions.interpolation import linear_weights


@dataclass(frozen=True)
class Patch:
    """A rectangle of pixel values in a photograph; all other pixels count as zero."""

    top: int
    """First row in the photograph."""
    left: int
    """First column in the photograph."""
    values: NDArray[np.float32]
    """(height, width) of the rectangle."""

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the photograph that the patch covers."""
        height, width = self.values.shape
        return slice(self.top, self.top + height), slice(self.left, self.left + width)


def paste(heat: NDArray[np.float32], box: NDArray[np.float64], width: int, height: int) -> Patch:
    """Resize a heat map to its box in the photograph, bilinearly, as in the paper.

    Parameters
    ----------
    heat
        (size, size) values.
    box
        Expanded box x0, y0, x1, y1 that the map covers; may extend beyond the photograph.
    width
        Width of the photograph in pixels.
    height
        Height of the photograph in pixels.

    Returns
    -------
    Patch
        Values of the pixels whose centre lies in the box and in the photograph.
    """
    left, columns = _resize(box[0], box[2], width, heat.shape[1])
    top, rows = _resize(box[1], box[3], height, heat.shape[0])
    return Patch(top, left, np.asarray(rows @ heat @ columns.T, dtype=np.float32))


def mix_superpixels(patch: Patch, superpixels: NDArray[np.int32], share: float) -> Patch:
    """Mix every pixel's value with the mean over its superpixel. Paper, section 4.1, System 1: the mean alone.

    Parameters
    ----------
    patch
        Values; pixels outside the patch count as zero.
    superpixels
        (height, width) labels of the whole photograph.
    share
        Weight of the mean in 0..1.

    Returns
    -------
    Patch
        Values of the whole photograph, because superpixels may extend beyond the patch.
    """
    labels = superpixels[patch.window]
    total = np.bincount(labels.ravel(), weights=patch.values.ravel(), minlength=int(superpixels.max()) + 1)
    mean = total / np.bincount(superpixels.ravel(), minlength=len(total))
    values = (share * mean).astype(np.float32)[superpixels]
    values[patch.window] += np.float32(1 - share) * patch.values
    return Patch(0, 0, values)


def _resize(start: float, stop: float, length: int, source: int) -> tuple[int, NDArray[np.float32]]:
    """First pixel in the box, and interpolation weights (pixels, source), along an axis of `length` pixels.

    The box spans `start` to `stop`.
    """
    first = max(int(np.ceil(start - 0.5)), 0)
    last = min(int(np.ceil(stop - 0.5)), length)
    centres = np.arange(first, max(last, first), dtype=np.float64) + 0.5
    return first, linear_weights((centres - start) / (stop - start), source).astype(np.float32)
