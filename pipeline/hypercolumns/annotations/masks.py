"""Masks as COCO run-length codes (RLE): conversion, union, area, box and overlap."""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from hypercolumns.errors import InputError
from hypercolumns.input_files import MOST_PIXELS

_MAX_BITS = 60
"""Bits of the longest run that pycocotools can read; numbers without end would also take time without end."""

_FARTHEST = 1e8
"""Pixels from the origin; pycocotools counts fifths of pixels in 32 bits, and reads memory of others beyond."""


class RLE(TypedDict):
    """COCO's compressed run-length code of a mask; `size` is [height, width]."""

    size: list[int]
    counts: str


def encode(mask: NDArray[np.bool_]) -> RLE:
    """Encode a (height, width) mask.

    Examples
    --------
    >>> area(encode(np.eye(4, dtype=bool)))
    4
    """
    return _with_string_counts(coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8)))


def empty(height: int, width: int) -> RLE:
    """Encode a mask without pixels.

    Examples
    --------
    >>> area(empty(3, 4))
    0
    """
    require_size(height, width, "an empty mask")
    return _with_string_counts(
        coco_mask.frPyObjects({"size": [height, width], "counts": [height * width]}, height, width)
    )


def decode(code: RLE) -> NDArray[np.bool_]:
    """Decode an RLE to a (height, width) mask."""
    return coco_mask.decode(code).view(bool)


def from_polygons(polygons: Sequence[Sequence[float]], height: int, width: int) -> RLE:
    """Rasterise COCO polygons (lists x0, y0, x1, y1, ...) and unite them into one RLE.

    Raises
    ------
    InputError
        If a coordinate is NaN or absurdly large, or the image is.
    """
    require_size(height, width, "an image with polygons")
    for polygon in polygons:
        if not np.abs(np.asarray(polygon, dtype=np.float64)).max(initial=0) <= _FARTHEST:  # NaN included
            raise InputError(f"A polygon has a coordinate that is not a number of pixels up to {_FARTHEST:g}.")
    return _with_string_counts(coco_mask.merge(coco_mask.frPyObjects([list(p) for p in polygons], height, width)))


def union(codes: Sequence[RLE]) -> RLE:
    """Unite masks: the pixels that are in any of `codes`; without codes, an empty mask of size 0 x 0."""
    return _with_string_counts(coco_mask.merge(list(codes), intersect=False))


def area(code: RLE) -> int:
    """Number of pixels in a mask."""
    return int(coco_mask.area(code))


def box(code: RLE) -> tuple[float, float, float, float]:
    """Tight box x0, y0, x1, y1 (end-exclusive) of a mask; all zero for an empty mask.

    Examples
    --------
    >>> box(from_polygons([[3, 2, 9, 2, 9, 7, 3, 7]], height=12, width=14))
    (3.0, 2.0, 9.0, 7.0)
    """
    x, y, width, height = coco_mask.toBbox(code).tolist()
    return x, y, x + width, y + height


def iou(first: Sequence[RLE], second: Sequence[RLE], crowd: Sequence[bool] | None = None) -> NDArray[np.float64]:
    """Intersection over union of each mask in `first` with each mask in `second`.

    Parameters
    ----------
    first
        n masks.
    second
        m masks.
    crowd
        m flags of `second`, all false if omitted. The overlap with a crowd is the intersection over the area of the
        mask in `first`, as in COCO's evaluation of predictions.

    Returns
    -------
    (n, m) array.
    """
    if not first or not second:
        return np.zeros((len(first), len(second)))
    flags = [int(c) for c in crowd] if crowd is not None else [0] * len(second)
    return np.asarray(coco_mask.iou(list(first), list(second), flags), dtype=np.float64)


def require_size(height: int, width: int, subject: str) -> None:
    """Refuse the size of an image that pycocotools could not count, or divides by zero for.

    Parameters
    ----------
    subject
        Words for the thing of this size, for the message.

    Raises
    ------
    InputError
        If a side is negative, or there are too many pixels.

    Examples
    --------
    >>> require_size(30, 40, "a mask")
    """
    # A side that is a multiple of 2^32 counts as zero in pycocotools, also where the other side is zero.
    if not (0 <= height <= MOST_PIXELS and 0 <= width <= MOST_PIXELS and height * width <= MOST_PIXELS):
        raise InputError(
            f"The size of {subject} is {width} x {height}; the product must be from 0 to {MOST_PIXELS} pixels."
        )


def problem(code: RLE, height: int, width: int) -> str | None:
    """Explain why a code is not a mask of a size; None if it is.

    Examples
    --------
    >>> problem(empty(3, 4), height=3, width=4)
    >>> problem(empty(3, 4), height=4, width=3)
    'segmentation has size [3, 4], its image is [4, 3] (height, width)'
    """
    if code["size"] != [height, width]:
        return f"segmentation has size {code['size']}, its image is {[height, width]} (height, width)"
    if run_total(code["counts"]) != height * width:
        return f"the runs of the segmentation do not add up to {height} x {width} pixels"
    return None


def run_total(counts: str) -> int | None:
    """Total length of the runs in a compressed RLE, or None if `counts` is malformed.

    The total of a valid RLE is height x width; pycocotools does not check this.

    Notes
    -----
    A run is a number of 5 bits per character, low bits first; from the fourth run on, it is stored as the difference
    from the run two before it. Source: `maskApi.c` of pycocotools.

    Examples
    --------
    >>> run_total(encode(np.ones((3, 4), dtype=bool))["counts"])
    12
    """
    if not counts.isascii():
        return None
    runs: list[int] = []
    value = shift = 0
    for byte in counts.encode("ascii"):
        bits = byte - 48
        if not 0 <= bits < 64:
            return None
        value |= (bits & 31) << shift
        shift += 5
        if shift > _MAX_BITS:
            return None
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        if len(runs) > 2:
            value += runs[-2]
        if value < 0:
            return None
        runs.append(value)
        value = shift = 0
    return sum(runs) if shift == 0 else None


def _with_string_counts(code: dict) -> RLE:
    """Convert pycocotools' code, whose counts are bytes, to one that JSON can hold."""
    return RLE(size=code["size"], counts=code["counts"].decode("ascii"))
