"""Photographs with detected and annotated instances, as SVG."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Image
from hypercolumns.annotations.photographs.reading import read_photograph
from hypercolumns.annotations.results import Results, column, take
from hypercolumns.drawing.colours import Colour, palette
from hypercolumns.drawing.label_plates import plate_size
from hypercolumns.drawing.labels import Label, place_labels
from hypercolumns.reporting.pictures import PER_PHOTOGRAPH, data_uri, draw_all

DRAWING_SIDE = 480
"""Longer side of a drawing in SVG units; larger photographs are scaled down to this many pixels."""
MAX_DETECTIONS = 8
"""Most detections drawn in a photograph."""
IGNORED_COLOUR: Colour = (150, 150, 150)
"""Colour of instances that do not count."""
TEXT_SIZE = 14
"""Size of text in SVG units. Its width is that of `drawing.text`; the page fits the browser's font into it."""

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels."""


@dataclass(frozen=True)
class Shape:
    """A mask or box as an SVG path, and the place of its label in SVG units."""

    label: str
    colour: Colour
    path: str
    is_box: bool
    place: Label


@dataclass(frozen=True)
class Scene:
    """A photograph as a data URI with a size of `width` x `height` SVG units, and the shapes drawn on it."""

    file_name: str
    width: float
    height: float
    photo: str
    annotated: list[Shape]
    detected: list[Shape]


@dataclass(frozen=True)
class Scenes:
    """Photographs, and the rule for the detections drawn on them."""

    scenes: list[Scene]
    minimum_score: float | None
    """Lowest score that is drawn; None without detections."""
    per_photograph: int | None
    """Detections of this score per photograph, on average; None if they are as many as instances count."""
    max_detections: int = MAX_DETECTIONS


def make_scenes(annotations: AnnotationSet, results: Results, count: int) -> Scenes:
    """Draw `count` photographs, evenly spaced in the order of `annotations`.

    The lowest score drawn is that of the n-th best detection in all photographs, where n is the number of instances
    that count, or `PER_PHOTOGRAPH` times the number of photographs if none does. This works for scores on any scale and
    shows as many detections as instances on average.
    """
    instances = sum(not instance.ignore for instance in annotations.instances)
    per_photograph = None if instances else PER_PHOTOGRAPH
    wanted = instances or PER_PHOTOGRAPH * len(annotations.images)
    scores = column(results, "score")
    ranked = np.sort(scores)[::-1][:wanted].tolist()
    shown = list(take(results, np.flatnonzero(scores >= min(ranked, default=0.0))))
    n = len(annotations.images)
    count = min(count, n)
    chosen = [annotations.images[(2 * k + 1) * n // (2 * count)] for k in range(count)]
    scenes = draw_all(lambda image: _scene(annotations, image, shown), chosen)
    return Scenes(scenes, min(ranked, default=None), per_photograph)


def _scene(annotations: AnnotationSet, image: Image, results: Results) -> Scene:
    colours = dict(zip(annotations.category_by_id, palette(len(annotations.categories)), strict=True))
    names = {c.id: c.name for c in annotations.categories}
    best = sorted((r for r in results if r["image_id"] == image.id), key=lambda r: -r["score"])[:MAX_DETECTIONS]
    annotated = [
        (f"{names[i.category_id]}, ignored", IGNORED_COLOUR, i.box, i.segmentation)
        if i.ignore
        else (names[i.category_id], colours[i.category_id], i.box, i.segmentation)
        for i in annotations.instances_by_image[image.id]
    ]
    detected = [
        (
            f"{names[r['category_id']]} {r['score']:.2f}",
            colours[r["category_id"]],
            masks.box(r["segmentation"]),
            r["segmentation"],
        )
        for r in best
    ]
    photo = read_photograph(annotations.image_path(image), image)
    scale = DRAWING_SIDE / max(image.width, image.height)
    width, height = scale * image.width, scale * image.height
    if scale < 1:
        size = max(round(width), 1), max(round(height), 1)
        photo = np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    annotated_shapes, detected_shapes = (_shapes(labelled, width, height, scale) for labelled in (annotated, detected))
    return Scene(image.file_name, width, height, data_uri(photo), annotated_shapes, detected_shapes)


def _shapes(
    labelled: Sequence[tuple[str, Colour, Box, masks.RLE | None]], width: float, height: float, scale: float
) -> list[Shape]:
    """Convert boxes and, where there are any, masks to shapes with labels beside them."""
    boxes = [[scale * edge for edge in box] for *_, box, _ in labelled]
    sizes = [plate_size(label, TEXT_SIZE) for label, *_ in labelled]
    places = place_labels(boxes, sizes, (width, height)) if labelled else []
    return [
        Shape(label, colour, outline(masks.decode(mask), scale) if mask else rectangle(box, scale), mask is None, place)
        for (label, colour, box, mask), place in zip(labelled, places, strict=True)
    ]


def rectangle(box: Box, scale: float) -> str:
    """Draw a box as an SVG path."""
    x0, y0, x1, y1 = (f"{scale * edge:.1f}" for edge in box)
    return f"M{x0} {y0}H{x1}V{y1}H{x0}Z"


def outline(mask: NDArray[np.bool_], scale: float) -> str:
    """Trace the borders of a mask and its holes as an SVG path for fill rule even-odd, to within a pixel."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    rings = (scale * (cv2.approxPolyDP(contour, 0.7, closed=True)[:, 0] + 0.5) for contour in contours)
    return "".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in ring) + "Z" for ring in rings)
