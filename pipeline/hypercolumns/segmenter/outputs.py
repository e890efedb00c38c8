"""Files that `hypercolumns segment` writes: pictures for each photograph, and the answers for all of them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Part
from hypercolumns.annotations.results import write_results
from hypercolumns.drawing.label_image import label_image, save_label_png
from hypercolumns.drawing.overlay import Figure, draw_overlay
from hypercolumns.places.atomic import atomic_write
from hypercolumns.segmenter.answers import Answers

SCHEMA = "hypercolumns-answers/1"

_JPEG_QUALITY = 92
_LONGEST_JPEG_SIDE = 65_500
"""Pixels of the longest side that JPEG's encoder takes."""

_LEAST_HEAT = 0.2
"""Keypoints of less heat are written but not drawn."""


def write_pictures(answers: Answers, categories: Sequence[Category], out: Path) -> None:
    """Draw the answers over the photograph, and write an image of instance numbers.

    `overlays/NAME.jpg` and `labels/NAME.png` below `out`.
    """
    name = Path(answers.image.file_name).with_suffix("")
    overlay, labels = out / "overlays" / f"{name}.jpg", out / "labels" / f"{name}.png"
    for path in (overlay, labels):
        path.parent.mkdir(parents=True, exist_ok=True)
    save_jpeg(overlay, draw_overlay(answers.photograph, figures(answers, categories)))
    height, width = answers.photograph.shape[:2]
    codes = [code if (code := _mask(answers, i)) else _empty(height, width) for i in range(len(answers))]
    save_label_png(labels, label_image(codes, height, width))


def save_jpeg(path: Path, picture: NDArray[np.uint8]) -> None:
    """Write a picture (height, width, 3), RGB; made smaller if it is too long for the format."""
    image = PillowImage.fromarray(picture)
    image.thumbnail((_LONGEST_JPEG_SIDE, _LONGEST_JPEG_SIDE))
    with atomic_write(path) as stream:
        image.save(stream, "JPEG", quality=_JPEG_QUALITY)


def figures(answers: Answers, categories: Sequence[Category]) -> list[Figure]:
    """Figures that are drawn over a photograph, one per box."""
    by_id = {category.id: category for category in categories}
    drawn = []
    for i, box in enumerate(answers.boxes):
        points, parts = _first(answers, "keypoints", i), _first(answers, "parts", i)
        drawn.append(
            Figure(
                label=f"{answers.names[i]} {answers.scores[i]:.2f}",
                mask=_mask(answers, i),
                box=tuple(box.tolist()),
                keypoints=_drawn_keypoints(points["keypoints"], float(answers.scores[i])) if points else None,
                skeleton=by_id[int(answers.categories[i])].skeleton,
                parts=tuple(Part(**part) for part in parts["parts"]) if parts else (),
                score=float(answers.scores[i]),
            )
        )
    return drawn


def record(answers: Answers, categories: Sequence[Category]) -> dict[str, Any]:
    """The answers for a photograph as JSON: its objects with category, score, box and what the tasks found."""
    by_id = {category.id: category for category in categories}
    objects = []
    for i, box in enumerate(answers.boxes):
        entry: dict[str, Any] = {
            "category": answers.names[i],
            "score": float(answers.scores[i]),
            "box": [round(float(v), 2) for v in box],
        }
        if mask := _mask(answers, i):
            entry["segmentation"] = mask
        if points := _first(answers, "keypoints", i):
            names = by_id[int(answers.categories[i])].keypoints
            entry["keypoints"] = dict(zip(names, np.reshape(points["keypoints"], (-1, 3)).tolist(), strict=True))
        if parts := _first(answers, "parts", i):
            entry["parts"] = {part["name"]: part["segmentation"] for part in parts["parts"]}
        objects.append(entry)
    image = answers.image
    return {"file": image.file_name, "width": image.width, "height": image.height, "objects": objects}


def write_all(
    out: Path,
    images: Sequence[Image],
    categories: Sequence[Category],
    records: Sequence[Mapping[str, Any]],
    results: Mapping[str, Sequence[Mapping[str, Any]]],
    failed: Mapping[str, str],
    folder: Path,
) -> None:
    """Write the answers for all photographs.

    `answers.json` has everything by photograph; `predictions/TASK.json` the COCO results of a task; `photographs.json`
    is a COCO file of the photographs and categories that these refer to.

    Parameters
    ----------
    failed
        Reason by name of each photograph that could not be read.
    folder
        What the names of the photographs are relative to.
    """
    for task, of_task in results.items():
        write_results(of_task, out / "predictions" / f"{task}.json")
    AnnotationSet(tuple(images), tuple(categories), (), str(folder), "photographs").save(out / "photographs.json")
    content = {"schema": SCHEMA, "photographs": list(records), "failed": dict(failed)}
    with atomic_write(out / "answers.json") as stream:
        stream.write(json.dumps(content, separators=(",", ":")).encode() + b"\n")


def _mask(answers: Answers, i: int) -> masks.RLE | None:
    """The mask of a box: that of segmentation or, without this task, of parts."""
    for task in ("segmentation", "parts"):
        found = _first(answers, task, i)
        if found and "segmentation" in found:
            mask: masks.RLE = found["segmentation"]
            return mask
    return None


def _first(answers: Answers, task: str, i: int) -> Mapping[str, Any] | None:
    """The best answer of a task for a box, if there is one."""
    found = answers.results.get(task)
    return found[i][0] if found and found[i] else None


def _drawn_keypoints(keypoints: Sequence[float], score: float) -> NDArray[np.float64]:
    """Keypoints (k, 3) with those zeroed that are not drawn, because their heat is small."""
    points = np.array(keypoints, dtype=np.float64).reshape(-1, 3)
    points[points[:, 2] < _LEAST_HEAT * score] = 0
    return points


def _empty(height: int, width: int) -> masks.RLE:
    return masks.encode(np.zeros((height, width), dtype=bool))
