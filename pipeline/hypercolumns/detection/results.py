"""Detections as COCO results: made from boxes, taken from a file or from the ground truth."""

from collections.abc import Sequence
from pathlib import Path

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.result_fields import BOX
from hypercolumns.annotations.results import Result, read_results
from hypercolumns.errors import InputError
from hypercolumns.regions.boxes import to_coco


def make(image_id: int, category_id: int, box: Sequence[float], score: float) -> Result:
    """A detection of the box x0, y0, x1, y1; boxes are rounded to .01 pixels, scores to six digits."""
    return Result(
        image_id=image_id,
        category_id=category_id,
        bbox=[round(float(v), 2) for v in to_coco(box)],
        score=round(float(score), 6),
    )


def ground_truth(annotations: AnnotationSet) -> list[Result]:
    """The boxes of all instances that count, with score 1; instances without area in their box are left out."""
    found = [make(i.image_id, i.category_id, i.box, 1.0) for i in annotations.instances if not i.ignore]
    return [d for d in found if min(d["bbox"][2:]) > 0]


def from_file(path: Path, annotations: AnnotationSet, limit: int) -> list[Result]:
    """Detections from outside, at most the `limit` best of each image.

    Scores may have any scale; equal ones stay in the order of the file.

    Raises
    ------
    InputError
        As `read_results`.
    """
    try:
        entries = read_results(path, annotations, BOX)
    except InputError as error:
        raise InputError(f"detection.file: {error}") from None
    groups: dict[int, list[Result]] = {image.id: [] for image in annotations.images}
    for entry in entries:
        groups[entry["image_id"]].append(
            Result(
                image_id=entry["image_id"],
                category_id=entry["category_id"],
                bbox=[float(v) for v in entry["bbox"]],
                score=float(entry["score"]),
            )
        )
    return [d for found in groups.values() for d in sorted(found, key=lambda d: -d["score"])[:limit]]
