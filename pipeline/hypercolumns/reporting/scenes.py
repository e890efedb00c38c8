"""Whole photographs with the masks found in them beside the true ones, as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.images import read_photograph
from hypercolumns.annotations.model import AnnotationSet, Image
from hypercolumns.annotations.results import Results
from hypercolumns.reporting.pictures import Colour, data_uri, draw_all, palette

SIDE = 480
"""Longer side of a drawing in its own units; larger photographs are scaled down to as many pixels."""
MOST = 8
"""Detections drawn in a photograph, at most."""
IGNORED: Colour = (150, 150, 150)
"""Of instances that do not count."""
LINE = 17
"""Height of a line of text, in units of the drawing."""
LETTER = 9.5
"""Width of a letter, about; labels are placed before any font is known."""


@dataclass(frozen=True)
class Shape:
    """A mask as an SVG path, with its name and where that is written, in units of the drawing."""

    label: str
    colour: Colour
    path: str
    x: float
    y: float


@dataclass(frozen=True)
class Scene:
    """A photograph as a data URI, `width` x `height` units large, and what is drawn on it."""

    file_name: str
    width: float
    height: float
    photo: str
    truth: list[Shape]
    found: list[Shape]


@dataclass(frozen=True)
class Scenes:
    """The photographs, the lowest score that is drawn on them (None without detections), and how many at most."""

    scenes: list[Scene]
    score: float | None
    most: int = MOST


def make_scenes(annotations: AnnotationSet, results: Results, count: int) -> Scenes:
    """`count` photographs, evenly spaced in the order of `annotations`.

    Drawn are those detections that score as high as the n best of all photographs, n being the number of instances that
    count: scores of any scale have such a limit, and a photograph shows as many detections as instances on average.
    """
    instances = sum(not instance.ignore for instance in annotations.instances)
    ranked = sorted((result["score"] for result in results), reverse=True)[: max(instances, 1)]
    limit = ranked[-1] if ranked else None
    n = len(annotations.images)
    count = min(count, n)
    chosen = [annotations.images[(2 * k + 1) * n // (2 * count)] for k in range(count)]
    shown = [result for result in results if limit is not None and result["score"] >= limit]
    return Scenes(draw_all(lambda image: _scene(annotations, image, shown), chosen), limit)


def _scene(annotations: AnnotationSet, image: Image, results: Results) -> Scene:
    categories = annotations.categories
    colours = {c.id: colour for c, colour in zip(categories, palette(len(categories)), strict=True)}
    names = {c.id: c.name for c in categories}
    own = sorted((r for r in results if r["image_id"] == image.id), key=lambda r: -r["score"])[:MOST]
    truth = [
        (f"{names[i.category_id]}, ignored", IGNORED, i.segmentation)
        if i.ignore
        else (names[i.category_id], colours[i.category_id], i.segmentation)
        for i in annotations.instances_by_image[image.id]
    ]
    found = [(f"{names[r['category_id']]} {r['score']:.2f}", colours[r["category_id"]], r["segmentation"]) for r in own]
    photo = read_photograph(annotations.image_path(image), image)
    scale = SIDE / max(image.width, image.height)
    if scale < 1:
        size = (max(round(scale * image.width), 1), max(round(scale * image.height), 1))
        photo = np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    return Scene(
        image.file_name,
        scale * image.width,
        scale * image.height,
        data_uri(photo),
        _shapes(truth, scale),
        _shapes(found, scale),
    )


def _shapes(drawn: Sequence[tuple[str, Colour, masks.RLE]], scale: float) -> list[Shape]:
    """Masks with their labels in the upper left, moved down where another label is."""
    shapes: list[Shape] = []
    for label, colour, code in drawn:
        height, width = (scale * size for size in code["size"])
        x0, y0, *_ = (scale * edge for edge in masks.box(code))
        room = LETTER * len(label)
        x, y = max(min(x0 + 3, width - room), 3), min(y0 + LINE, height - 5)
        while any(s.x - room < x < s.x + LETTER * len(s.label) and abs(y - s.y) < LINE for s in shapes):
            y += LINE
        shapes.append(Shape(label, colour, outline(masks.decode(code), scale), x, y))
    return shapes


def outline(mask: NDArray[np.bool_], scale: float) -> str:
    """The borders of a mask, holes too, as an SVG path (fill rule even-odd) to within a pixel."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    rings = (scale * (cv2.approxPolyDP(contour, 0.7, closed=True)[:, 0] + 0.5) for contour in contours)
    return "".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in ring) + "Z" for ring in rings)
