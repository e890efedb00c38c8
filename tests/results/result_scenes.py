"""Photographs, and results about them: a hole, an island in it, several components, overlaps, keypoints and parts."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hypercolumns.annotations import masks
from hypercolumns.results.formats import convert_results
from hypercolumns.results.options import Options

WIDTH, HEIGHT = 60, 48
NAMES = ("a.jpg", "garden/b.png", "garden/d/c.jpg")
"""File names of the photographs 3, 5 and 8; nothing is found in the last one."""
IDS = (3, 5, 8)

PERSON = {
    "id": 7,
    "name": "person",
    "keypoints": ["nose", "chin"],
    "skeleton": [[1, 2]],
    "parts": ["head", "torso"],
}
CAR = {"id": 2, "name": "car & <van>"}


def rectangle(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    """Mask of a rectangle."""
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


RING = rectangle(5, 4, 30, 30) & ~rectangle(10, 10, 25, 25) | rectangle(15, 15, 18, 19)
"""A square with a hole and an island in it."""
PIECES = rectangle(40, 2, 50, 12) | rectangle(50, 12, 56, 20) | rectangle(42, 30, 43, 31)
"""Two squares that touch at a corner, and a single pixel."""
COVERED = rectangle(0, 24, 40, 48)
"""Reaches the border of the photograph, and lies behind `RING`."""

MASKS = {(3, 7, 0.9): RING, (3, 2, 0.7): COVERED, (5, 2, 0.5): PIECES}
"""Masks by photograph, category and score, the best of each photograph first."""


def results(**fields: Any) -> list[dict[str, Any]]:
    """Results with masks, and one below the usual score; `fields` are computed from each mask."""
    found = [*MASKS.items(), ((8, 7, 0.49), RING)]
    return [
        {"image_id": image, "category_id": category, "score": score, "bbox": bbox(mask)}
        | {"segmentation": masks.encode(mask)}
        | {key: compute(mask) for key, compute in fields.items()}
        for (image, category, score), mask in found
    ]


def bbox(mask: np.ndarray) -> list[float]:
    """COCO's box around a mask."""
    x0, y0, x1, y1 = masks.box(masks.encode(mask))
    return [x0, y0, x1 - x0, y1 - y0]


def person_results() -> list[dict[str, Any]]:
    """A result with keypoints, one of them outside the photograph, whose box leaves the photograph; without mask."""
    keypoints = [12.5, 7.25, 0.8, -3.0, 9.0, 0.6]
    return [{"image_id": 5, "category_id": 7, "score": 0.7, "bbox": [-4.0, 3.5, 20.0, 10.0], "keypoints": keypoints}]


def annotations() -> dict[str, Any]:
    """The COCO file with photographs and categories."""
    images = [
        {"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT}
        for number, name in zip(IDS, NAMES, strict=True)
    ]
    return {"images": images, "categories": [dict(PERSON), dict(CAR)], "annotations": []}


def write(folder: Path, found: Any = None, annotated: Any = None) -> Path:
    """Write results, annotations and photographs below `folder`, which is returned."""
    for name in NAMES:
        path = folder / "photographs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(len(name)).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        Image.fromarray(noise).save(path)
    (folder / "results.json").write_text(json.dumps(results() if found is None else found))
    (folder / "val.json").write_text(json.dumps(annotations() if annotated is None else annotated))
    return folder


def convert(folder: Path, to: str, out: str = "out", score: float = 0.5, **options: Any) -> Path:
    """Convert what `write` wrote; returns the output."""
    if options.pop("with_photographs", False):
        options["photographs"] = folder / "photographs"
    convert_results(
        folder / "results.json",
        folder / "val.json",
        folder / out,
        to,
        minimum_score=score,
        options=Options(**options),
    )
    return folder / out
