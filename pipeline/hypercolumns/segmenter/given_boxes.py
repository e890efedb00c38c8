"""Boxes that a caller gives instead of letting the detector find them."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hypercolumns.annotations.model import Category, Image
from hypercolumns.annotations.results import Result
from hypercolumns.detection.results import make_detection
from hypercolumns.errors import InputError, choices
from hypercolumns.regions import boxes as geometry


def given_boxes(
    image: Image,
    boxes: ArrayLike,
    categories: Sequence[str | int] | str | int | None,
    scores: ArrayLike | None,
    known: Sequence[Category],
) -> list[Result]:
    """Check boxes that a caller gives, and make COCO results of them.

    Raises
    ------
    InputError
        Naming the first box or category that cannot be used.
    """
    array = _numbers(boxes, "boxes")
    if not array.size:
        array = array.reshape(0, 4)
    if array.ndim != 2 or array.shape[1] != 4:
        raise InputError(f"Boxes are an array (n, 4) of x0, y0, x1, y1, not {array.shape}.")
    if categories is None:
        if len(known) > 1:
            raise InputError(f"Given boxes need categories: {choices(c.name for c in known)}.")
        categories = known[0].id
    listed = [categories] * len(array) if isinstance(categories, str | int | np.integer) else list(categories)
    weights = np.ones(len(array)) if scores is None else _numbers(scores, "scores").reshape(-1)
    if not len(array) == len(listed) == len(weights):
        raise InputError(f"There are {len(array)} boxes, but {len(listed)} categories and {len(weights)} scores.")
    ids: dict[str | int, int] = {c.name: c.id for c in known} | {c.id: c.id for c in known}
    found = []
    for number, (box, category, score) in enumerate(zip(array, listed, weights, strict=True)):
        if not isinstance(category, Hashable) or category not in ids:
            raise InputError(
                f"Box {number} has the category {category!r}; the model knows {choices(c.name for c in known)}."
            )
        if not np.isfinite([*box, score]).all() or box[2] - box[0] < 0.01 or box[3] - box[1] < 0.01:
            raise InputError(f"Box {number} is {box.tolist()} with score {score}; it needs x0 < x1 and y0 < y1.")
        if geometry.is_far_outside(box.tolist(), image.width, image.height):
            raise InputError(
                f"Box {number}, {box.tolist()}, lies outside the photograph of {image.width} x {image.height} pixels."
            )
        found.append(make_detection(image.id, ids[category], box.tolist(), float(score)))
    return found


def _numbers(values: ArrayLike, name: str) -> NDArray[np.float64]:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"The {name} are not an array of numbers ({error}).") from None
