"""The boxes of annotations without masks in a COCO file."""

import math

import msgspec

from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.coco_entries import decode, is_absent
from hypercolumns.annotations.coco_masks import RelativeCoordinatesError
from hypercolumns.annotations.model import Image
from hypercolumns.errors import InputError
from hypercolumns.regions.boxes import clip, from_coco, is_far_outside

_LARGEST_AREA = 1e9
"""In pixels, more than photographs have. That of an object which continues outside may exceed its box."""

Box = tuple[float, float, float, float]


def read_box(raw: msgspec.Raw, image: Image, where: str) -> Box | None:
    """Read the field `bbox` (x, y, width, height) of an annotation.

    Returns
    -------
    The box x0, y0, x1, y1, clipped to the image; None if there is none or nothing of it lies in the image.

    Raises
    ------
    InputError
        If it is not four finite numbers, or lies far outside the image.
    RelativeCoordinatesError
        If it is in relative coordinates.
    """
    if is_absent(raw):
        return None
    values = decode(list[float], raw, f"{where}, its bbox")
    if len(values) != 4 or not all(map(math.isfinite, values)):
        raise InputError(f"{where} has the bbox {values}; it must be four finite numbers.")
    if 0 < max(values) <= 1:
        raise RelativeCoordinatesError(
            f"{where} has the bbox {values}; COCO's are pixels, not shares of the image's sides."
        )
    corners = from_coco(values).tolist()
    if is_far_outside(corners, image.width, image.height):
        raise InputError(f"{where} has the bbox {values}, far outside its {image.width} x {image.height} image.")
    x0, y0, x1, y1 = clip(corners, image.width, image.height).tolist()
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def read_area(raw: msgspec.Raw, box: Box, where: str, bad_items: BadItems) -> float:
    """Read the field `area` of an annotation without mask; that of its clipped box if it is missing, zero or larger.

    What cannot be an area is left out and counted.
    """
    x0, y0, x1, y1 = box
    whole = (x1 - x0) * (y1 - y0)
    try:
        annotated = 0.0 if is_absent(raw) else decode(float, raw, f"{where}, its area")
        if not 0 <= annotated <= _LARGEST_AREA:
            raise InputError(f"{where} has the area {annotated:g}.")
    except InputError as error:
        bad_items.leave_out("unreadable_areas", str(error))
        return whole
    return annotated if 0 < annotated <= whole else whole
