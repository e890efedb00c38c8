"""The masks of a COCO file, polygons or either kind of run-length code, as compressed run-length codes."""

import msgspec
import numpy as np
from pycocotools import mask as coco_mask

from hypercolumns.annotations import masks
from hypercolumns.annotations.coco.entries import RunLengthCode, is_absent
from hypercolumns.annotations.files import size_mismatch
from hypercolumns.annotations.masks import RLE
from hypercolumns.annotations.model import Image
from hypercolumns.errors import InputError
from hypercolumns.regions.boxes import is_far_outside

_MAX_PERIMETER = 4_000_000
"""In pixels; pycocotools takes more than 100 bytes of memory for every pixel along the edges of a polygon."""

_SEGMENTATION = msgspec.json.Decoder(RunLengthCode | list[list[float] | float])


class RelativeCoordinatesError(InputError):
    """All coordinates lie in 0..1: they are shares of the image's sides instead of pixels."""


def read_mask(raw: msgspec.Raw, image: Image, where: str) -> RLE | None:
    """Read the field `segmentation` of an annotation.

    Besides COCO's forms, a polygon may be a flat list of numbers, as the VGG Image Annotator writes it, or a list of
    points. Polygons with fewer than three corners enclose nothing; Labelme writes the two corners of a box so.

    Returns
    -------
    The mask, which may be empty; None if there is none, or no polygon with three corners.

    Raises
    ------
    InputError
        If it is neither a list of polygons nor a run-length code, or does not fit the image.
    RelativeCoordinatesError
        If it is in relative coordinates.
    """
    if is_absent(raw):
        return None
    try:
        segmentation = _SEGMENTATION.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InputError(
            f"{where}: its segmentation is neither a list of polygons (lists of numbers) nor a code with size and "
            "counts."
        ) from None
    if isinstance(segmentation, RunLengthCode):
        return _from_code(segmentation, image, where)
    return _from_polygons(_polygons(segmentation, where), image, where)


def _from_code(code: RunLengthCode, image: Image, where: str) -> RLE:
    height, width = code.size
    if (height, width) != (image.height, image.width):
        raise InputError(size_mismatch(f"{where}: its mask", (width, height), (image.width, image.height)))
    if isinstance(code.counts, str):
        if masks.run_total(code.counts) != height * width:
            raise InputError(f"{where} has a run-length code that does not fill its mask of {height * width} pixels.")
        return masks.union([RLE(size=[height, width], counts=code.counts)])
    total, some_negative = sum(code.counts), ", some negative," if min(code.counts, default=0) < 0 else ""
    if total != height * width or some_negative:
        raise InputError(f"{where} has runs of {total} pixels{some_negative} in a mask of {height * width}.")
    return masks.union([coco_mask.frPyObjects({"size": code.size, "counts": code.counts}, height, width)])


def _polygons(lists: list[list[float] | float], where: str) -> list[list[float]]:
    """Bring the forms of a segmentation into COCO's: a list of flat lists x0, y0, x1, y1, ..."""
    numbers = [value for value in lists if isinstance(value, float)]
    nested = [value for value in lists if isinstance(value, list)]
    if numbers and nested:
        raise InputError(f"{where} has a segmentation that mixes numbers and lists.")
    if numbers:
        return [numbers]
    if len(nested) >= 3 and all(len(points) == 2 for points in nested):
        return [[value for point in nested for value in point]]
    return nested


def _from_polygons(polygons: list[list[float]], image: Image, where: str) -> RLE | None:
    if any(len(polygon) % 2 for polygon in polygons):
        raise InputError(f"{where} has a polygon with an odd number of coordinates.")
    # pycocotools would read four numbers as a box x, y, width, height.
    polygons = [polygon for polygon in polygons if len(polygon) >= 6]
    if not polygons:
        return None
    low, high = min(map(min, polygons)), max(map(max, polygons))
    if is_far_outside((low, high), image.width, image.height):
        raise InputError(f"{where} has a polygon that lies far outside its {image.width} x {image.height} image.")
    if low >= 0 and high <= 1:
        raise RelativeCoordinatesError(
            f"{where} has a polygon with coordinates from {low:g} to {high:g}; COCO's are pixels, not shares of the "
            f"image's sides."
        )
    if max(map(_perimeter, polygons)) > _MAX_PERIMETER:
        raise InputError(f"{where} has a polygon whose edges have more than {_MAX_PERIMETER} pixels.")
    return masks.from_polygons(polygons, image.height, image.width)


def _perimeter(polygon: list[float]) -> float:
    """Pixels along the edges of a polygon, counted in its steeper direction; an upper bound if that is small."""
    bound = len(polygon) * (max(polygon) - min(polygon) + 1) / 2
    if bound <= _MAX_PERIMETER:
        return bound
    corners = np.asarray(polygon).reshape(-1, 2)
    steps = np.abs(corners - np.roll(corners, 1, axis=0)).max(axis=1)
    return float(steps.sum()) + len(steps)
