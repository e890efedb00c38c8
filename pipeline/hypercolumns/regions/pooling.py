"""RoI pooling: average feature maps over boxes with the interpolation of this package, as one sparse matrix product."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from hypercolumns.regions.interpolation import linear_taps, linear_weights


def pooling_matrix(
    boxes: ArrayLike, image: tuple[int, int], shape: tuple[int, int], cells: int, samples: int
) -> csr_array:
    """Build the linear operator that averages a feature map over `cells` x `cells` cells of every box.

    The value of a cell is the mean of `samples` x `samples` evenly spread, bilinearly interpolated values of the map.

    Parameters
    ----------
    boxes
        (n, 4) boxes x0, y0, x1, y1 in pixels of the image.
    image
        Width and height of the image in pixels; the map spans all of it.
    shape
        Height and width of the map.
    cells
        Cells per side of a box.
    samples
        Interpolated values per side of a cell.

    Returns
    -------
    (n * cells * cells, height * width) sparse float32 operator on the flattened map; rows are ordered by box, then from
    top to bottom, then from left to right; they are non-negative and sum to one.

    Notes
    -----
    Equals `torchvision.ops.roi_align(aligned=True, sampling_ratio=samples)` for boxes inside the image, and
    `interpolation_matrix` (without antialiasing) for a box that covers the image. Beyond the outer centres of the map
    the nearest value is held.
    """
    box = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    height, width = shape
    x, x_weight = _taps(box[:, 0], box[:, 2], image[0], width, cells, samples)
    y, y_weight = _taps(box[:, 1], box[:, 3], image[1], height, cells, samples)
    columns = y[:, :, None, :, None] * width + x[:, None, :, None, :]
    weights = y_weight[:, :, None, :, None] * x_weight[:, None, :, None, :]
    rows, taps = len(box) * cells * cells, (2 * samples) ** 2
    starts = np.arange(0, rows * taps + 1, taps)
    operator = csr_array((weights.ravel().astype(np.float32), columns.ravel(), starts), shape=(rows, height * width))
    operator.sum_duplicates()
    return operator


def pool(
    maps: NDArray[np.floating], boxes: ArrayLike, image: tuple[int, int], cells: int, samples: int
) -> NDArray[np.float32]:
    """Average maps over `cells` x `cells` cells of every box.

    Parameters
    ----------
    maps
        (channels, height, width).
    boxes, image, cells, samples
        As for `pooling_matrix`.

    Returns
    -------
    (n, cells * cells, channels) float32.
    """
    channels, height, width = maps.shape
    operator = pooling_matrix(boxes, image, (height, width), cells, samples)
    flat = np.ascontiguousarray(maps.reshape(channels, -1).T, dtype=np.float32)
    return (operator @ flat).reshape(-1, cells * cells, channels)


def axis_weights(
    low: NDArray[np.float64], high: NDArray[np.float64], extent: int, source: int, cells: int, samples: int
) -> NDArray[np.float64]:
    """Build one axis of `pooling_matrix`, which is the Kronecker product of both axes of a box.

    Applying the axes one after the other is cheaper when there are many `cells`.

    Parameters
    ----------
    low, high
        (n,) ends of the boxes in pixels of the image.
    extent
        Size of the image in pixels along this axis.
    source
        Cells of the map along this axis; they span the whole image.
    cells, samples
        As for `pooling_matrix`.

    Returns
    -------
    (n, cells, source); rows are non-negative and sum to one.
    """
    positions = _positions(low, high, extent, cells * samples)
    return linear_weights(positions.ravel(), source).reshape(len(low), cells, samples, source).mean(axis=2)


def _taps(
    low: NDArray[np.float64], high: NDArray[np.float64], extent: int, source: int, cells: int, samples: int
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Source cells of each cell of a box and their weights along one axis, both (n, cells, 2 * samples)."""
    index, weight = linear_taps(_positions(low, high, extent, cells * samples), source)
    return index.reshape(-1, cells, 2 * samples), weight.reshape(-1, cells, 2 * samples) / samples


def _positions(low: NDArray[np.float64], high: NDArray[np.float64], extent: int, count: int) -> NDArray[np.float64]:
    """Spread `count` positions evenly between the ends of each box, as (n, count) shares of `extent`."""
    share = (np.arange(count) + 0.5) / count
    return (low[:, None] + (high - low)[:, None] * share) / extent
