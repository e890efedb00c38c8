"""Detections as COCO results: from a file, from the ground truth, and on their way to disk."""

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypedDict

from pipeline.annotations.model import AnnotationSet
from pipeline.errors import InputError, choices
from pipeline.regions.boxes import to_coco

_KEYS = ("image_id", "category_id", "bbox", "score")


class Detection(TypedDict):
    """One entry of COCO results; `bbox` is x, y, width, height in pixels."""

    image_id: int
    category_id: int
    bbox: list[float]
    score: float


def make(image_id: int, category_id: int, box: Sequence[float], score: float) -> Detection:
    """A detection of the box x0, y0, x1, y1; boxes are rounded to .01 pixels, scores to six digits."""
    return Detection(
        image_id=image_id,
        category_id=category_id,
        bbox=[round(float(v), 2) for v in to_coco(box)],
        score=round(float(score), 6),
    )


def save(detections: Iterable[Detection], path: Path) -> None:
    """Write COCO results by image, best first; the same bytes for the same detections in any order."""
    ordered = sorted(detections, key=lambda d: (d["image_id"], -d["score"], d["category_id"], d["bbox"]))
    lines = [json.dumps({key: d[key] for key in _KEYS}, separators=(",", ":")) for d in ordered]  # type: ignore[literal-required]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[" + ",\n".join(lines) + "]\n")


def ground_truth(annotations: AnnotationSet) -> list[Detection]:
    """The boxes of all instances that count, with score 1; instances without area in their box are left out."""
    found = [make(i.image_id, i.category_id, i.box, 1.0) for i in annotations.instances if not i.ignore]
    return [d for d in found if min(d["bbox"][2:]) > 0]


def read(path: Path) -> list[Any]:
    """The unchecked entries of a COCO results file.

    Raises
    ------
    InputError
        When the file is missing or is no JSON list.
    """
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; detection.file must name a COCO results JSON.") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{path} cannot be read as JSON: {error}.") from None
    if not isinstance(content, list):
        raise InputError(f"{path} must hold a list of COCO results, not {type(content).__name__}.")
    return content


def from_file(path: Path, annotations: AnnotationSet, limit: int) -> list[Detection]:
    """Detections from outside, at most the `limit` best of each image.

    Scores may have any scale; equal ones stay in the order of the file.

    Raises
    ------
    InputError
        Naming the file and the first entry with an unknown image or category, a number that is not finite, or a box
        without area or outside of its image.
    """
    groups: dict[int, list[Detection]] = {image.id: [] for image in annotations.images}
    for number, entry in enumerate(read(path)):
        problem = _problem(entry, annotations)
        if problem is not None:
            raise InputError(f"{path}, entry {number}: {problem}.")
        groups[entry["image_id"]].append(
            Detection(
                image_id=entry["image_id"],
                category_id=entry["category_id"],
                bbox=[float(v) for v in entry["bbox"]],
                score=float(entry["score"]),
            )
        )
    return [d for found in groups.values() for d in sorted(found, key=lambda d: -d["score"])[:limit]]


def _problem(entry: Any, annotations: AnnotationSet) -> str | None:
    """What is wrong with an entry, or None."""
    if not isinstance(entry, dict):
        return f"a detection is an object, not {entry!r}"
    missing = [key for key in _KEYS if key not in entry]
    if missing:
        return f"{missing[0]!r} is missing; a detection needs {choices(_KEYS)}"
    image_id, category, box, score = (entry[key] for key in _KEYS)
    if not _is_integer(image_id) or image_id not in annotations.image_by_id:
        return f"image_id is {image_id!r}, not one of the {len(annotations.images)} annotated images"
    if not _is_integer(category) or category not in annotations.category_by_id:
        known = ", ".join(f"{c.id} ({c.name})" for c in annotations.categories)
        return f"category_id is {category!r}, not one of {known}"
    if not (isinstance(box, list) and len(box) == 4 and all(map(_is_finite, box))):
        return f"bbox is {box!r}, not four finite numbers x, y, width, height"
    x, y, width, height = box
    if width <= 0 or height <= 0:
        return f"bbox is {box!r}; width and height must be positive"
    image = annotations.image_by_id[image_id]
    if x >= image.width or y >= image.height or x + width <= 0 or y + height <= 0:
        return f"bbox is {box!r}, outside of its image of {image.width} x {image.height} pixels"
    return None if _is_finite(score) else f"score is {score!r}, not a finite number"


def _is_finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
