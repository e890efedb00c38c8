"""The fields of COCO results that hold an answer, and the check of each."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import Category, Image
from hypercolumns.errors import choices


@dataclass(frozen=True)
class ResultField:
    """A field of a COCO result that holds an answer, such as `segmentation`."""

    name: str
    problem: Callable[[Any, Category, Image], str | None]
    """Explains what is wrong with a value, given the category and image of its result; None if it is valid."""


def is_finite(value: Any) -> bool:
    """Tell whether a JSON value is a finite number.

    Examples
    --------
    >>> is_finite(0.5), is_finite(float("inf")), is_finite(True), is_finite("1")
    (True, False, False, False)
    """
    # `math.isfinite` would raise an OverflowError for integers of hundreds of digits.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _box_problem(box: Any, _category: Category, image: Image) -> str | None:
    if not (isinstance(box, list) and len(box) == 4 and all(is_finite(v) for v in box) and min(box[2:]) > 0):
        return f"bbox is {box!r}, not x, y, width, height in pixels, the last two positive"
    if not (-box[2] < box[0] < image.width and -box[3] < box[1] < image.height):
        return f"bbox is {box!r}, outside its image of {image.width} x {image.height} pixels"
    return None


def _mask_problem(code: Any, _category: Category, image: Image) -> str | None:
    if not (isinstance(code, dict) and isinstance(code.get("counts"), str) and isinstance(code.get("size"), list)):
        return "segmentation is not a compressed RLE (an object with 'size' and a string 'counts')"
    return masks.problem({"size": code["size"], "counts": code["counts"]}, image.height, image.width)


def _keypoints_problem(flat: Any, category: Category, _image: Image) -> str | None:
    n = len(category.keypoints)
    if not (isinstance(flat, list) and len(flat) == 3 * n and all(is_finite(v) for v in flat)):
        return f"keypoints must be {3 * n} finite numbers: x, y and score of the {n} keypoints of {category.name}"
    return None


def _parts_problem(parts: Any, category: Category, image: Image) -> str | None:
    if not isinstance(parts, list):
        return f"parts must be a list of objects with 'name' and 'segmentation', not {parts!r}"
    for part in parts:
        if not (isinstance(part, dict) and {"name", "segmentation"} <= set(part)):
            return f"a part is an object with 'name' and 'segmentation', not {part!r}"
        if part["name"] not in category.parts:
            return f"part {part['name']!r} is not a part of {category.name}; choose from {choices(category.parts)}"
        problem = _mask_problem(part["segmentation"], category, image)
        if problem:
            return f"part {part['name']!r}: {problem}"
    return None


BOX = ResultField("bbox", _box_problem)
"""x, y, width, height in pixels."""
MASK = ResultField("segmentation", _mask_problem)
"""Compressed RLE of the size of the image."""
KEYPOINTS = ResultField("keypoints", _keypoints_problem)
"""x, y and score of every keypoint of the category."""
PARTS = ResultField("parts", _parts_problem)
"""Name and compressed RLE of every visible part."""
