"""Whether the entries of a file of annotations fit each other; their types and ranges are checked before."""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from hypercolumns.annotations import masks
from hypercolumns.errors import InputError
from hypercolumns.input_files import MOST_PIXELS, is_inside


def require_sound(
    path: Any,
    images: Collection[Any],
    categories: Collection[Any],
    annotations: Collection[Any],
) -> None:
    """Refuse a file whose ids occur twice or lead nowhere, and masks and keypoints that do not fit.

    Masks of whole objects are not among those: they are checked when they are first used.

    Parameters
    ----------
    path
        The file, for messages.
    images, categories, annotations
        Entries with the fields of `annotations.model`.

    Raises
    ------
    InputError
        Naming the file and the id.
    """
    for kind, entries in (("image", images), ("category", categories), ("annotation", annotations)):
        _require_unique(path, kind, [entry.id for entry in entries])
    image_by_id = {image.id: image for image in images}
    category_by_id = {category.id: category for category in categories}
    for image in images:
        if not is_inside(image.file_name):
            raise InputError(f"{path}: image {image.id} has the file name {image.file_name!r}, which leads elsewhere.")
        if image.width * image.height > MOST_PIXELS:
            raise InputError(
                f"{path}: image {image.id} has the size {image.width} x {image.height}; the product must be at most "
                f"{MOST_PIXELS} pixels."
            )
        if image.void and (fault := masks.problem(image.void, image.height, image.width)):
            raise InputError(f"{path}: the void of image {image.id} is damaged: {fault}.")
    for annotation in annotations:
        owner, category = image_by_id.get(annotation.image_id), category_by_id.get(annotation.category_id)
        if owner is None or category is None:
            kind, number = ("category", annotation.category_id) if owner else ("image", annotation.image_id)
            raise InputError(f"{path}: annotation {annotation.id} belongs to {kind} {number}, which is not listed.")
        if len(annotation.keypoints) not in (0, 3 * len(category.keypoints)):
            raise InputError(
                f"{path}: annotation {annotation.id} has {len(annotation.keypoints)} keypoint values instead of "
                f"{3 * len(category.keypoints)}."
            )
        for part in annotation.parts:
            if fault := masks.problem(part.segmentation, owner.height, owner.width):
                raise InputError(f"{path}: the part {part.name!r} of annotation {annotation.id} is damaged: {fault}.")


def _require_unique(path: Any, kind: str, ids: Sequence[int]) -> None:
    if len(set(ids)) < len(ids):
        raise InputError(f"{path} has the {kind} id {_repeated(ids)} twice.")


def _repeated(ids: Iterable[int]) -> int:
    seen: set[int] = set()
    return next(number for number in ids if number in seen or seen.add(number))  # type: ignore[func-returns-value]
