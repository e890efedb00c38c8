"""Photographs with detected and annotated instances, drawn as `hypercolumns segment` draws."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Image
from hypercolumns.annotations.photographs.reading import read_photograph
from hypercolumns.annotations.results import Results, column, take
from hypercolumns.drawing.colours import Colour, palette
from hypercolumns.drawing.overlay import Figure, draw_overlay
from hypercolumns.features.sampling import evenly_spaced
from hypercolumns.reporting.pictures import PER_PHOTOGRAPH, data_uri, draw_all, resize

DRAWING_SIDE = 640
"""Pixels of the longer side of a drawing, whatever the size of the photograph: so the page stays small."""
MAX_DETECTIONS = 8
"""Most detections drawn in a photograph."""
IGNORED_COLOUR: Colour = (150, 150, 150)
"""Colour of instances that do not count."""


@dataclass(frozen=True)
class Drawing:
    """A photograph with labelled objects as a data URI, and the labels as text."""

    picture: str
    labels: list[str]


@dataclass(frozen=True)
class Scene:
    """Drawings of a photograph, `width` x `height` pixels."""

    file_name: str
    width: int
    height: int
    annotated: Drawing | None
    """None where val has no annotations."""
    detected: Drawing


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
    chosen = [annotations.images[k] for k in evenly_spaced(len(annotations.images), count)]
    scenes = draw_all(lambda image: _scene(annotations, image, shown), chosen)
    return Scenes(scenes, min(ranked, default=None), per_photograph)


def _scene(annotations: AnnotationSet, image: Image, results: Results) -> Scene:
    colours = dict(zip(annotations.category_by_id, palette(len(annotations.categories)), strict=True))
    names = {c.id: c.name for c in annotations.categories}
    best = sorted((r for r in results if r["image_id"] == image.id), key=lambda r: -r["score"])[:MAX_DETECTIONS]
    annotated = [
        Figure(f"{names[i.category_id]}, ignored", i.box, i.segmentation, colour=IGNORED_COLOUR)
        if i.ignore
        else Figure(names[i.category_id], i.box, i.segmentation, colour=colours[i.category_id])
        for i in annotations.instances_by_image[image.id]
    ]
    detected = [
        Figure(
            f"{names[r['category_id']]} {r['score']:.2f}",
            masks.box(r["segmentation"]),
            r["segmentation"],
            score=r["score"],
            colour=colours[r["category_id"]],
        )
        for r in best
    ]
    photograph = read_photograph(annotations.image_path(image), image)
    scale = DRAWING_SIDE / max(image.width, image.height)
    size = max(round(scale * image.width), 1), max(round(scale * image.height), 1)
    small = resize(photograph, size)

    def draw(figures: Sequence[Figure]) -> Drawing:
        overlay = draw_overlay(small, [_resized(figure, image, size) for figure in figures])
        return Drawing(data_uri(overlay), [figure.label for figure in figures])

    return Scene(image.file_name, *size, draw(annotated) if annotations.instances else None, draw(detected))


def _resized(figure: Figure, image: Image, size: tuple[int, int]) -> Figure:
    """Resize mask and box of a figure of the image to a width and height, as its photograph."""
    x, y = size[0] / image.width, size[1] / image.height
    x0, y0, x1, y1 = figure.box
    mask = figure.mask and masks.encode(resize(255 * masks.decode(figure.mask).astype(np.uint8), size) > 127)
    return replace(figure, box=(x * x0, y * y0, x * x1, y * y1), mask=mask)
