"""Detections as COCO results: from boxes, from the ground truth, or from a file."""

from collections.abc import Sequence
from pathlib import Path

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.result_fields import BOX
from hypercolumns.annotations.results import Result, read_results
from hypercolumns.errors import InputError
from hypercolumns.regions.boxes import to_coco


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
    """Read detections from a COCO results file, at most the `limit` best of each image.

    Scores may have any scale; detections with equal scores stay in the order of the file.

    Raises
    ------
    InputError
        When `read_results` refuses the file.
    """
    try:
        entries = read_results(path, annotations, BOX)
    except InputError as error:
        raise InputError(f"detection.file: {error}") from None
    by_image: dict[int, list[Result]] = {image.id: [] for image in annotations.images}
    for entry in entries:
        image_id, box = entry["image_id"], [float(v) for v in entry["bbox"]]
        by_image[image_id].append(
            Result(image_id=image_id, category_id=entry["category_id"], bbox=box, score=float(entry["score"]))
        )
    return [d for group in by_image.values() for d in sorted(group, key=lambda d: -d["score"])[:limit]]
