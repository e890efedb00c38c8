"""Bilinear interpolation between the cells and the locations of a box: the alpha_ik of the paper."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


@lru_cache(maxsize=256)
def interpolation_matrix(source: int, target: int) -> NDArray[np.float64]:
    """Build the matrix that interpolates linearly from `source` cells to `target` locations along one axis.

    Both span the same interval, with centres at (i + 0.5) / n. Beyond the outer source centres the nearest value is
    held.

    Returns
    -------
    (target, source) array, read-only; rows are non-negative and sum to one.

    Notes
    -----
    Equals `torch.nn.functional.interpolate(..., align_corners=False)` without antialiasing; the two-dimensional
    operator is the Kronecker product of two such matrices. Paper, section 3.

    Examples
    --------
    >>> interpolation_matrix(2, 4)
    array([[1.  , 0.  ],
           [0.75, 0.25],
           [0.25, 0.75],
           [0.  , 1.  ]])
    """
    matrix = linear_weights((np.arange(target) + 0.5) / target, source)
    matrix.setflags(write=False)
    return matrix


def interpolate(maps: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Interpolate maps (..., y, x) bilinearly at `height` x `width` locations, as (..., height, width)."""
    vertical = interpolation_matrix(maps.shape[-2], height).astype(np.float32)
    horizontal = interpolation_matrix(maps.shape[-1], width).astype(np.float32)
    return np.asarray(vertical @ maps @ horizontal.T, dtype=np.float32)


def interpolate_into(out: NDArray[np.float32], maps: NDArray[np.floating]) -> None:
    """Interpolate maps (n, channel, y, x) bilinearly into `out` (n, height, width, channel).

    `out` may be a slice of channels of a larger array: writing them in place spares a copy that takes longer than the
    arithmetic.
    """
    n, channels, rows, columns = maps.shape
    height, width = out.shape[1:3]
    if rows == columns == 1:
        out[:] = maps.reshape(n, 1, 1, channels)
        return
    vertical = interpolation_matrix(rows, height).astype(np.float32)
    horizontal = interpolation_matrix(columns, width).astype(np.float32)
    last = np.ascontiguousarray(maps.transpose(0, 2, 3, 1)).astype(np.float32)
    lines = vertical @ last.reshape(n, rows, columns * channels)
    np.matmul(horizontal, lines.reshape(n, height, columns, channels), out=out)


def linear_weights(positions: NDArray[np.float64], source: int) -> NDArray[np.float64]:
    """Build the matrix that interpolates linearly from `source` cells to arbitrary positions along one axis.

    Parameters
    ----------
    positions
        (n,) positions as shares of the axis: 0 and 1 are its ends. Beyond the outer centres the nearest value is held.
    source
        Number of cells.

    Returns
    -------
    (n, source) array; rows are non-negative and sum to one.

    Examples
    --------
    >>> linear_weights(np.array([0.5, 1.0]), 2)
    array([[0.5, 0.5],
           [0. , 1. ]])
    """
    cells, weights = linear_taps(positions, source)
    matrix = np.zeros((len(positions), source))
    np.add.at(matrix, (np.arange(len(positions))[:, None], cells), weights)  # both cells may be the same one
    return matrix


def linear_taps(positions: NDArray[np.float64], source: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Find the two of `source` cells that each position lies between, and their weights.

    The sparse form of `linear_weights`.

    Parameters
    ----------
    positions
        (...) positions as shares of the axis.
    source
        Number of cells.

    Returns
    -------
    (..., 2) cells and (..., 2) weights; the weights of a position sum to one.
    """
    centre = positions * source - 0.5
    left = np.clip(np.floor(centre), 0, source - 1).astype(np.intp)
    right = np.minimum(left + 1, source - 1)
    share = np.clip(centre - left, 0.0, 1.0)
    return np.stack([left, right], axis=-1), np.stack([1.0 - share, share], axis=-1)


def support(matrix: NDArray[np.float64]) -> slice:
    """Slice of the columns of `matrix` from the first to the last that is not all zero.

    Examples
    --------
    >>> support(np.array([[0, 0, 1, 0, 0], [0, 0, 0, 2, 0]]))
    slice(2, 4, None)
    """
    used = np.flatnonzero(matrix.any(axis=0))
    return slice(int(used[0]), int(used[-1]) + 1)


def location_centres(box: NDArray[np.float64], size: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres of the locations of a `size` x `size` heat map over the expanded `box` (..., 4), in pixels.

    Location i has its centre at (i + .5) / size of the box.

    Returns
    -------
    x (..., size) and y (..., size).

    Examples
    --------
    >>> x, y = location_centres(np.array([10.0, 0.0, 20.0, 50.0]), 5)
    >>> x
    array([11., 13., 15., 17., 19.])
    """
    share = (np.arange(size) + 0.5) / size
    box = np.asarray(box, dtype=np.float64)
    x = box[..., 0:1] + (box[..., 2:3] - box[..., 0:1]) * share
    y = box[..., 1:2] + (box[..., 3:4] - box[..., 1:2]) * share
    return x, y


@lru_cache(maxsize=64)
def operator(height: int, width: int, size: int) -> sparse.csr_array:
    """Build the operator that interpolates a flattened map at the `size` x `size` locations of a heat map.

    Hypercolumns, training samples and scoring all use it.

    Parameters
    ----------
    height, width
        Cells of the map.
    size
        Locations per side of the heat map.

    Returns
    -------
    (size * size, height * width) sparse float32; rows have at most four entries, which sum to one.

    Notes
    -----
    Paper, section 3.
    """
    rows = sparse.csr_array(interpolation_matrix(height, size))
    columns = sparse.csr_array(interpolation_matrix(width, size))
    return sparse.csr_array(sparse.kron(rows, columns, format="csr"), dtype=np.float32)
