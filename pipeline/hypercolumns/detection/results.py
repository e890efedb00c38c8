"""Detections as COCO results: from boxes, from the ground truth, or from a file."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from hypercolumns.annotations.model import AnnotationSet, Image
from hypercolumns.annotations.result_fields import is_finite
from hypercolumns.annotations.results import Result, read_entries
from hypercolumns.errors import InputError, choices, counted
from hypercolumns.regions.boxes import is_far_outside, to_coco

_FIELDS = ("image_id", "category_id", "bbox", "score")
"""Fields that a detection in a file must have."""

logger = logging.getLogger(__name__)


def make_detection(image_id: int, category_id: int, box: Sequence[float], score: float) -> Result:
    """Detection of the box x0, y0, x1, y1; boxes are rounded to .01 pixels, scores to six digits.

    Examples
    --------
    >>> make_detection(image_id=1, category_id=3, box=[2, 3, 12, 8], score=0.5)
    {'image_id': 1, 'category_id': 3, 'bbox': [2.0, 3.0, 10.0, 5.0], 'score': 0.5}
    """
    rounded = [round(float(v), 2) for v in to_coco(box)]
    return Result(image_id=image_id, category_id=category_id, bbox=rounded, score=round(float(score), 6))


def ground_truth(annotations: AnnotationSet) -> list[Result]:
    """Boxes of all instances that count in evaluation, with score 1, except those without area."""
    found = [make_detection(i.image_id, i.category_id, i.box, 1.0) for i in annotations.instances if not i.ignore]
    return [d for d in found if min(d["bbox"][2:]) > 0]


def from_file(path: Path, annotations: AnnotationSet, limit: int) -> list[Result]:
    """Read the detections in val that `detection.file` names, at most the `limit` best of each image.

    An `image_id` is an id in the data set or, where there is none, the name of a photograph; see `read_detections`.
    """
    ids, names = _image_ids(annotations), _image_names(annotations)

    def find(image_id: int | str) -> int | None:
        return ids.get(str(image_id), names.get(image_id) if isinstance(image_id, str) else None)

    try:
        found = read_detections(path, annotations, find)
    except InputError as error:
        raise InputError(f"detection.file: {error}") from None
    return [d for group in found.values() for d in group[:limit]]


def named_in_file(path: Path, annotations: AnnotationSet) -> dict[int, list[Result]]:
    """Read detections in photographs that are known by their names alone.

    Raises
    ------
    InputError
        As `read_detections`, and for an `image_id` that is a number: it is an id in a data set that is not at hand.
    """
    names = _image_names(annotations)

    def find(image_id: int | str) -> int | None:
        if isinstance(image_id, int):
            raise InputError(
                f"{path}: image_id is {image_id}, the number of a photograph in some data set; give the name of the "
                "photograph instead."
            )
        return names.get(image_id)

    return read_detections(path, annotations, find)


def read_detections(
    path: Path, annotations: AnnotationSet, find: Callable[[int | str], int | None]
) -> dict[int, list[Result]]:
    """Read detections from a COCO results file, by id of the image, the best first.

    Scores may have any scale; detections with equal scores stay in the order of the file. As COCO's tools do, boxes
    without area or outside their image, and detections in photographs or of categories that the annotations do not
    have, are left out; they are counted in the log. Categories may be named.

    Parameters
    ----------
    find
        Returns the id of the image that an `image_id` in the file means; None if there is none.

    Raises
    ------
    InputError
        If the file is missing or is not a list, an entry lacks a field or has one of the wrong type, or no entry is
        left.
    """
    by_image: dict[int, list[Result]] = {image.id: [] for image in annotations.images}
    left_out: Counter[str] = Counter()
    category_ids: dict[Any, int] = {c.id: c.id for c in annotations.categories}
    category_ids |= {category.name: category.id for category in annotations.categories}
    entries = read_entries(path)
    for number, entry in enumerate(entries):
        problem = _problem(entry)
        if problem is not None:
            raise InputError(f"{path}, entry {number}: {problem}.")
        category_id = category_ids.get(entry["category_id"])
        image_id = find(entry["image_id"])
        if image_id is None:
            left_out["in unknown photographs"] += 1
        elif category_id is None:
            left_out["of categories that the data set does not have"] += 1
        elif _is_outside(entry["bbox"], annotations.image_by_id[image_id]):
            left_out["with boxes without area or outside their photograph"] += 1
        else:
            box, score = [float(v) for v in entry["bbox"]], float(entry["score"])
            by_image[image_id].append(Result(image_id=image_id, category_id=category_id, bbox=box, score=score))
    reasons = ", ".join(f"{counted(n, 'detection')} {reason}" for reason, n in left_out.items())
    if entries and not any(by_image.values()):
        ids = ", ".join(str(image.source_id or image.id) for image in annotations.images[:3])
        raise InputError(
            f"{path} has no detection that can be used: {reasons}. Its first image_id is "
            f"{entries[0]['image_id']!r}; known are {ids}, ..., or the names of the photographs."
        )
    if left_out:
        logger.warning("%s: left out: %s.", path, reasons)
    if not entries:
        logger.warning("%s has no detection.", path)
    return {image_id: sorted(group, key=lambda d: -d["score"]) for image_id, group in by_image.items()}


def _image_ids(annotations: AnnotationSet) -> dict[str, int]:
    """Ids of the images by these and by their ids in the data set, which come first, as strings."""
    ids = {str(image.id): image.id for image in annotations.images}
    return ids | {image.source_id or str(image.id): image.id for image in annotations.images}


def _image_names(annotations: AnnotationSet) -> dict[str, int]:
    """Ids of the images by file name and its stem, with folders and without.

    A number is never such a name: detections of all photographs may have the id of one in train, and 7.jpg another id.
    """
    found: dict[str, int] = {}
    for image in annotations.images:
        names = PurePosixPath(image.file_name)
        for name in (str(names.with_suffix("")), names.name, names.stem, image.file_name):
            found.setdefault(name, image.id)
    return found


def _problem(entry: Any) -> str | None:
    """Explain which field of an entry has the wrong form; None if it can be read."""
    if not isinstance(entry, dict):
        return f"a result must be an object, not {entry!r}"
    missing = [key for key in _FIELDS if key not in entry]
    if missing:
        return f"{missing[0]!r} is missing; detections need {choices(_FIELDS)}"
    for key in ("image_id", "category_id"):
        if type(entry[key]) not in (int, str):  # `isinstance` would accept true and false
            return f"{key} is {entry[key]!r}, neither an integer nor a name"
    if not is_finite(entry["score"]):
        return f"score is {entry['score']!r}, not a finite number"
    box = entry["bbox"]
    if not (isinstance(box, list) and len(box) == 4 and all(is_finite(value) for value in box)):
        return f"bbox is {box!r}, not x, y, width, height in pixels"
    return None


def _is_outside(box: Sequence[float], image: Image) -> bool:
    """Whether a box x, y, width, height has no area, does not touch its image or reaches far beyond it."""
    x, y, width, height = box
    touches = width > 0 and height > 0 and -width < x < image.width and -height < y < image.height
    return not touches or is_far_outside((x, y, x + width, y + height), image.width, image.height)
