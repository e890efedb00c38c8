"""The boxes of annotations without masks in a COCO file."""

import math

import msgspec
import numpy as np

from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.coco.entries import decode, is_absent
from hypercolumns.annotations.coco.masks import RelativeCoordinatesError
from hypercolumns.annotations.model import Image
from hypercolumns.errors import InputError
from hypercolumns.regions.boxes import Boxes, clip, from_coco, is_far_outside

_LARGEST_AREA = 1e9
"""In pixels, more than photographs have. That of an object which continues outside may exceed its box."""

Box = tuple[float, float, float, float]


def read_box(raw: msgspec.Raw, rotation: float, image: Image, where: str) -> Box | None:
    """Read the field `bbox` (x, y, width, height) of an annotation, turned by `rotation` degrees about its centre.

    Returns
    -------
    The upright box x0, y0, x1, y1 around it, clipped to the image; None if there is none or nothing of it lies in the
    image.

    Raises
    ------
    InputError
        If it is not four finite numbers, or lies far outside the image.
    RelativeCoordinatesError
        If it is in relative coordinates.
    """
    if is_absent(raw):
        return None
    found = decode(list[float | None], raw, f"{where}, its bbox")
    values = [value for value in found if value is not None]
    if not values:
        return None
    if not len(values) == len(found) == 4 or not all(map(math.isfinite, values)):
        raise InputError(f"{where} has the bbox {found}; it must be four finite numbers.")
    if 0 < max(values) <= 1:
        raise RelativeCoordinatesError(
            f"{where} has the bbox {values}; COCO's are pixels, not shares of the image's sides."
        )
    corners = _turn(from_coco(values), rotation)
    if is_far_outside(corners.tolist(), image.width, image.height):
        raise InputError(f"{where} has the bbox {values}, far outside its {image.width} x {image.height} image.")
    x0, y0, x1, y1 = clip(corners, image.width, image.height).tolist()
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def _turn(box: Boxes, degrees: float) -> Boxes:
    """The upright box around `box` turned about its centre."""
    cosine, sine = (abs(f(math.radians(degrees))) for f in (math.cos, math.sin))
    sides = box[2:] - box[:2]
    half = (sides * cosine + sides[::-1] * sine) / 2
    centre = (box[:2] + box[2:]) / 2
    return np.concatenate([centre - half, centre + half]) if degrees else box


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
