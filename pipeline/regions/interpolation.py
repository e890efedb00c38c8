"""Bilinear interpolation between cells and locations of a box: the alpha_ik of the paper, written once."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


@lru_cache(maxsize=256)
def interpolation_matrix(source: int, target: int) -> NDArray[np.float64]:
    """Linear interpolation from `source` cells to `target` locations along one axis.

    Both span the same interval; centres lie at (i + 0.5) / n. Beyond the outer source centres the
    nearest value is held.

    Returns
    -------
    (target, source) array, read-only; rows are non-negative and sum to one.

    Notes
    -----
    Equals `torch.nn.functional.interpolate(..., align_corners=False)` without antialiasing; the
    two-dimensional operator is the Kronecker product of two such matrices. Paper, section 3.
    """
    centre = (np.arange(target) + 0.5) * source / target - 0.5
    left = np.clip(np.floor(centre), 0, source - 1).astype(int)
    right = np.minimum(left + 1, source - 1)
    share = np.clip(centre - left, 0.0, 1.0)
    matrix = np.zeros((target, source))
    np.add.at(matrix, (np.arange(target), left), 1.0 - share)
    np.add.at(matrix, (np.arange(target), right), share)
    matrix.setflags(write=False)
    return matrix


def support(matrix: NDArray[np.float64], axis: int) -> list[slice]:
    """The contiguous range of non-zero entries of every row (`axis` 0) or column (`axis` 1) of `matrix`."""
    lines = matrix if axis == 0 else matrix.T
    ranges = []
    for line in lines:
        nonzero = np.flatnonzero(line)
        ranges.append(slice(int(nonzero[0]), int(nonzero[-1]) + 1) if len(nonzero) else slice(0, 0))
    return ranges


def location_centres(box: NDArray[np.float64], size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres in pixels of a `size` x `size` heat map over the expanded `box` (..., 4).

    Location i lies at (i + .5) / size of the box. Returns x (..., size) and y (..., size).
    """
    share = (np.arange(size) + 0.5) / size
    box = np.asarray(box, dtype=np.float64)
    x = box[..., 0:1] + (box[..., 2:3] - box[..., 0:1]) * share
    y = box[..., 1:2] + (box[..., 3:4] - box[..., 1:2]) * share
    return x, y
