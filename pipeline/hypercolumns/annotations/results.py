"""COCO results files: reading, checking and writing the results of detectors and predictors."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, NotRequired, Self, TypedDict

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.result_fields import ResultField, is_finite
from hypercolumns.errors import InputError, choices
from hypercolumns.input_files import read_bytes
from hypercolumns.places.atomic import atomic_write

Boxes = Literal["detections", "instances"]
"""The boxes that results refer to: scored detections, or annotated instances."""


class Result(TypedDict):
    """One entry of a COCO results file; `bbox` is x, y, width, height in pixels."""

    image_id: int
    category_id: int
    score: NotRequired[float]
    bbox: NotRequired[Sequence[float]]
    segmentation: NotRequired[masks.RLE]
    keypoints: NotRequired[Sequence[float]]
    """x, y and score of every keypoint of the category."""
    parts: NotRequired[Sequence[Mapping[str, Any]]]
    """`name` and `segmentation` of every visible part."""
    instance_id: NotRequired[int]
    """Only in results that refer to instances."""


Results = Sequence[Mapping[str, Any]]
"""COCO results of any step; each entry has the keys of `Result` that its boxes and answer need."""


def read_results(
    path: Path, annotations: AnnotationSet, answer: ResultField, boxes: Boxes = "detections", step: str | None = None
) -> list[Result]:
    """Read and check the entries of a results file.

    Parameters
    ----------
    path
        A JSON file: a list of COCO results.
    annotations
        The images, categories and instances that the results may refer to.
    answer
        The field that every entry must have.
    boxes
        `detections`: every entry has a score. `instances`: every entry names its `instance_id`, each once.
    step
        The pipeline step that writes the file, for the error if it is missing.

    Raises
    ------
    InputError
        If the file is missing or not a JSON list, or naming the first entry that cannot be used.
    """
    content = read_entries(path, step)
    seen: set[int] = set()
    for number, entry in enumerate(content):
        problem = _problem(entry, annotations, answer, boxes)
        if problem is None and boxes == "instances":
            problem = f"instance_id {entry['instance_id']} occurs twice" if entry["instance_id"] in seen else None
            seen.add(entry["instance_id"])
        if problem is not None:
            raise InputError(f"{path}, entry {number}: {problem}.")
    return content


def read_entries(path: Path, step: str | None = None) -> list[Any]:
    """Read the entries of a results file without checking them.

    Raises
    ------
    InputError
        If the file is missing or not a JSON list.
    """
    try:
        content = json.loads(read_bytes(path))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist.", step) from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}.") from None
    if not isinstance(content, list):
        raise InputError(f"{path} must hold a list of COCO results, not {type(content).__name__}.")
    return content


class ResultLine(NamedTuple):
    """A line of a results file; lines are sorted as these tuples are."""

    image: int
    falling_score: float
    """Negative score."""
    text: str

    @classmethod
    def of(cls, result: Mapping[str, Any]) -> Self:
        """Encode a result."""
        return cls(result["image_id"], -result.get("score", 0.0), json.dumps(result, separators=(",", ":")))


def write_results(results: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Write COCO results, one per line, sorted by image and falling score.

    The bytes of the file do not depend on the order of `results`.
    """
    write_lines(sorted(map(ResultLine.of, results)), path)


def write_lines(lines: Iterable[ResultLine], path: Path) -> None:
    """Write a results file from its sorted lines; it appears complete or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as stream:
        stream.write(b"[")
        for number, line in enumerate(lines):
            stream.write(b",\n" if number else b"")
            stream.write(line.text.encode())
        stream.write(b"]\n")


def _problem(entry: Any, annotations: AnnotationSet, answer: ResultField, boxes: Boxes) -> str | None:
    """Explain what is wrong with an entry, or return None if it is valid."""
    if not isinstance(entry, dict):
        return f"a result must be an object, not {entry!r}"
    required = ("image_id", "category_id", "score" if boxes == "detections" else "instance_id", answer.name)
    missing = [key for key in required if key not in entry]
    if missing:
        return f"{missing[0]!r} is missing; such results need {choices(required)}"
    for key in ("image_id", "category_id", "instance_id"):
        if key in entry and type(entry[key]) is not int:  # `isinstance` would accept true and false
            return f"{key} is {entry[key]!r}, not an integer"
    image = annotations.image_by_id.get(entry["image_id"])
    if image is None:
        return f"image_id {entry['image_id']} is not among the {len(annotations.images)} annotated images"
    category = annotations.category_by_id.get(entry["category_id"])
    if category is None:
        known = choices(f"{c.id} ({c.name})" for c in annotations.categories)
        return f"category_id {entry['category_id']} is not one of {known}"
    if boxes == "detections" and not is_finite(entry["score"]):
        return f"score is {entry['score']!r}, not a finite number"
    if boxes == "instances":
        instance = annotations.instance_by_id.get(entry["instance_id"])
        if instance is None or instance.image_id != image.id:
            return f"instance_id {entry['instance_id']} is not an instance of image {image.id}"
    return answer.problem(entry[answer.name], category, image)
