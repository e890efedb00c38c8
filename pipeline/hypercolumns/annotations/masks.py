"""Masks as COCO run-length codes (RLE): one way in, one way out, and their overlaps."""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from hypercolumns.regions.boxes import from_coco


class RLE(TypedDict):
    """COCO's compressed run-length code; `size` is (height, width)."""

    size: list[int]
    counts: str


def encode(mask: NDArray[np.bool_]) -> RLE:
    """The RLE of a (height, width) mask."""
    code = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return _as_text(code)


def decode(code: RLE) -> NDArray[np.bool_]:
    """The (height, width) mask of an RLE."""
    return coco_mask.decode(code).view(bool)


def from_polygons(polygons: Sequence[Sequence[float]], height: int, width: int) -> RLE:
    """The union of COCO polygons (lists x0, y0, x1, y1, ...) as one RLE."""
    return _as_text(coco_mask.merge(coco_mask.frPyObjects([list(p) for p in polygons], height, width)))


def union(codes: Sequence[RLE]) -> RLE:
    """The pixels of any of `codes`."""
    return _as_text(coco_mask.merge(list(codes), intersect=False))


def area(code: RLE) -> int:
    """Pixels of the mask."""
    return int(coco_mask.area(code))


def box(code: RLE) -> tuple[float, float, float, float]:
    """The tight box x0, y0, x1, y1 (end-exclusive) of the mask; all zero for an empty one."""
    x0, y0, x1, y1 = from_coco(coco_mask.toBbox(code)).tolist()
    return x0, y0, x1, y1


def iou(first: Sequence[RLE], second: Sequence[RLE], crowd: Sequence[bool] | None = None) -> NDArray[np.float64]:
    """Overlaps of `first` (n, predictions) with `second` (m, truth): (n, m).

    Intersection over union; where `crowd[j]` is true, intersection over the area of the prediction, as COCO does.
    """
    if not first or not second:
        return np.zeros((len(first), len(second)))
    flags = [int(c) for c in crowd] if crowd is not None else [0] * len(second)
    return np.asarray(coco_mask.iou(list(first), list(second), flags), dtype=np.float64)


def run_total(counts: str) -> int | None:
    """Pixels that a compressed RLE covers, None when it is no RLE; pycocotools itself does not look.

    Runs are numbers of 5 bits per character, low bits first, from the fourth on as differences to the last but one.
    """
    runs: list[int] = []
    value = shift = 0
    for byte in counts.encode("ascii", "replace"):
        bits = byte - 48
        if not 0 <= bits < 64:
            return None
        value |= (bits & 31) << shift
        shift += 5
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


def _as_text(code: dict) -> RLE:
    counts = code["counts"]
    text = counts.decode("ascii") if isinstance(counts, bytes) else counts
    return RLE(size=[int(v) for v in code["size"]], counts=text)
