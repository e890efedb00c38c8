"""The boxes of annotations without masks in a COCO file."""

import math

import msgspec

from hypercolumns.annotations.coco_entries import decode, is_absent
from hypercolumns.annotations.coco_masks import RelativeCoordinatesError
from hypercolumns.annotations.model import Image
from hypercolumns.errors import InputError
from hypercolumns.regions.boxes import clip, from_coco

Box = tuple[float, float, float, float]


def read_box(raw: msgspec.Raw, image: Image, where: str) -> Box | None:
    """Read the field `bbox` (x, y, width, height) of an annotation.

    Returns
    -------
    The box x0, y0, x1, y1, clipped to the image; None if there is none or nothing of it lies in the image.

    Raises
    ------
    InputError
        If it is not four finite numbers.
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
    x0, y0, x1, y1 = clip(from_coco(values), image.width, image.height).tolist()
    return (x0, y0, x1, y1) if x1 > x0 and y1 > y0 else None


def read_area(raw: msgspec.Raw, box: Box) -> float:
    """Read the field `area` of an annotation without mask; that of its box if it is missing or cannot be one."""
    x0, y0, x1, y1 = box
    whole = (x1 - x0) * (y1 - y0)
    try:
        annotated = 0.0 if is_absent(raw) else msgspec.json.decode(raw, type=float)
    except msgspec.DecodeError:
        return whole
    return annotated if 0 < annotated <= whole else whole
