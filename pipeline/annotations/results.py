"""Result files (COCO results): reading and checking what detectors and predictors wrote."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NotRequired, TypedDict

from pipeline.annotations import masks
from pipeline.annotations.model import AnnotationSet, Category, Image
from pipeline.errors import InputError, choices

Kind = Literal["boxes", "masks", "ground_truth", "keypoints", "ground_truth_keypoints", "parts", "ground_truth_parts"]
_REQUIRED: dict[Kind, tuple[str, ...]] = {
    "boxes": ("image_id", "category_id", "score", "bbox"),
    "masks": ("image_id", "category_id", "score", "segmentation"),
    "ground_truth": ("image_id", "category_id", "instance_id", "segmentation"),
    "keypoints": ("image_id", "category_id", "score", "keypoints"),
    "ground_truth_keypoints": ("image_id", "category_id", "instance_id", "keypoints"),
    "parts": ("image_id", "category_id", "score", "parts"),
    "ground_truth_parts": ("image_id", "category_id", "instance_id", "parts"),
}


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
    """`name` and `segmentation` of every part that shows."""
    instance_id: NotRequired[int]
    """In results on boxes of instances."""


Results = Sequence[Mapping[str, Any]]
"""COCO results as any step makes them; each entry has the keys of `Result` that its `Kind` needs."""


def read_results(path: Path, annotations: AnnotationSet, kind: Kind, remedy: str) -> list[Result]:
    """The checked entries of a results file.

    Parameters
    ----------
    path : a JSON file, a list of COCO results.
    annotations : what the results are about; images, categories and instances must be among them.
    kind : `boxes` (bbox and score), `masks` (segmentation and score) or `ground_truth` (segmentation and
        instance_id, each instance once); keypoints and parts likewise.
    remedy : what to do when the file is missing, a sentence without its full stop.

    Raises
    ------
    InputError
        Naming the file and the entry that cannot be used.
    """
    try:
        content = json.loads(path.read_text())
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; {remedy}.") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {error}.") from None
    if not isinstance(content, list):
        raise InputError(f"{path} must hold a list of COCO results, not {type(content).__name__}.")
    seen: set[int] = set()
    for number, entry in enumerate(content):
        problem = _problem(entry, annotations, kind)
        if problem is None and "instance_id" in _REQUIRED[kind]:
            problem = f"instance_id {entry['instance_id']} occurs twice" if entry["instance_id"] in seen else None
            seen.add(entry["instance_id"])
        if problem is not None:
            raise InputError(f"{path}, entry {number}: {problem}.")
    return content


def write_results(results: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write COCO results by image, best first, one a line: the same bytes for the same results in any order."""
    lines = [json.dumps(r, separators=(",", ":")) for r in results]
    order = sorted(range(len(lines)), key=lambda i: (results[i]["image_id"], -results[i].get("score", 0.0), lines[i]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("[" + ",\n".join(lines[i] for i in order) + "]\n")


def _problem(entry: Any, annotations: AnnotationSet, kind: Kind) -> str | None:
    """What is wrong with one entry, or None."""
    if not isinstance(entry, dict):
        return f"a result is an object, not {entry!r}"
    missing = [key for key in _REQUIRED[kind] if key not in entry]
    if missing:
        return f"{missing[0]!r} is missing; such results need {choices(_REQUIRED[kind])}"
    for key in ("image_id", "category_id", "instance_id"):
        if key in entry and not _is_integer(entry[key]):
            return f"{key} is {entry[key]!r}, not an integer"
    image = annotations.image_by_id.get(entry["image_id"])
    if image is None:
        return f"image_id {entry['image_id']} is not among the {len(annotations.images)} annotated images"
    if entry["category_id"] not in annotations.category_by_id:
        known = choices(f"{c.id} ({c.name})" for c in annotations.categories)
        return f"category_id {entry['category_id']} is not one of {known}"
    if "score" in _REQUIRED[kind] and not _is_finite(entry["score"]):
        return f"score is {entry['score']!r}, not a finite number"
    if "bbox" in _REQUIRED[kind]:
        box = entry["bbox"]
        if not (isinstance(box, list) and len(box) == 4 and all(_is_finite(v) for v in box) and min(box[2:]) > 0):
            return f"bbox is {box!r}, not x, y, width, height in pixels, the last two positive"
        if not (-box[2] < box[0] < image.width and -box[3] < box[1] < image.height):
            return f"bbox is {box!r}, outside of its image of {image.width} x {image.height} pixels"
    if "segmentation" in _REQUIRED[kind]:
        problem = _mask_problem(entry["segmentation"], image.height, image.width)
        if problem:
            return problem
    if "keypoints" in _REQUIRED[kind]:
        problem = _keypoints_problem(entry["keypoints"], annotations.category_by_id[entry["category_id"]])
        if problem:
            return problem
    if "parts" in _REQUIRED[kind]:
        problem = _parts_problem(entry["parts"], annotations.category_by_id[entry["category_id"]], image)
        if problem:
            return problem
    if "instance_id" in _REQUIRED[kind]:
        instance = annotations.instance_by_id.get(entry["instance_id"])
        if instance is None or instance.image_id != image.id:
            return f"instance_id {entry['instance_id']} is not an instance of image {image.id}"
    return None


def _mask_problem(code: Any, height: int, width: int) -> str | None:
    if not (isinstance(code, dict) and isinstance(code.get("counts"), str) and isinstance(code.get("size"), list)):
        return "segmentation is not a compressed RLE (an object of 'size' and a text 'counts')"
    if code["size"] != [height, width]:
        return f"segmentation has size {code['size']}, its image is {[height, width]} (height, width)"
    if masks.run_total(code["counts"]) != height * width:
        return f"the runs of the segmentation do not add up to {height} x {width} pixels"
    return None


def _keypoints_problem(flat: Any, category: Category) -> str | None:
    expected = 3 * len(category.keypoints)
    if not (isinstance(flat, list) and len(flat) == expected and all(_is_finite(v) for v in flat)):
        return (
            f"keypoints must be {expected} finite numbers: x, y and score of the {len(category.keypoints)} "
            f"keypoints of {category.name}"
        )
    return None


def _parts_problem(parts: Any, category: Category, image: Image) -> str | None:
    if not isinstance(parts, list):
        return f"parts is {type(parts).__name__}, not a list of objects of 'name' and 'segmentation'"
    for part in parts:
        if not (isinstance(part, dict) and {"name", "segmentation"} <= set(part)):
            return f"a part is an object of 'name' and 'segmentation', not {part!r}"
        if part["name"] not in category.parts:
            return f"part {part['name']!r} is not one of {category.name}: {choices(category.parts)}"
        problem = _mask_problem(part["segmentation"], image.height, image.width)
        if problem:
            return f"part {part['name']!r}: {problem}"
    return None


def _is_finite(value: Any) -> bool:
    # By comparison, since `math.isfinite` fails on integers of hundreds of digits.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
