"""Pictures of keypoints and parts: true ones beside those predicted in the same box, or predictions alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from hypercolumns.annotations.model import AnnotationSet, Category, Instance
from hypercolumns.annotations.results import Results
from hypercolumns.drawing.colours import Picture, palette
from hypercolumns.drawing.shapes import draw_skeleton, tint
from hypercolumns.evaluation.keypoints import right_keypoints
from hypercolumns.evaluation.parts import part_overlaps
from hypercolumns.parameters import Parameters
from hypercolumns.regions import boxes
from hypercolumns.reporting.gallery import choose
from hypercolumns.reporting.pictures import PER_PHOTOGRAPH, Window, cut_tile, data_uri, draw_all


@dataclass(frozen=True)
class Pair:
    """One instance with its true and its predicted picture as data URIs."""

    category: str
    instance_id: int
    file_name: str
    quality: float
    """Share of correct keypoints, or overlap of part labels; 0..1."""
    true: str
    predicted: str


@dataclass(frozen=True)
class Preview:
    """A prediction in a detected box with its picture as a data URI."""

    category: str
    file_name: str
    score: float
    predicted: str


@dataclass(frozen=True)
class PairRenderer:
    """Functions that evaluate and draw single predictions of a task."""

    key: str
    """Field of a COCO result that holds the prediction."""
    truth: Callable[[Instance], Any]
    """Returns the annotation of an instance in the form of a prediction."""
    quality: Callable[[AnnotationSet, Instance, Mapping[str, Any], Parameters], float | None]
    """Measures a result against its instance, 0..1; None if the instance is not annotated for the task."""
    draw: Callable[[Picture, Window, Category, Any], None]
    """Draws a prediction on the tile of a window."""
    names: Callable[[Category], Sequence[str]]
    """Names what a category is annotated with, in the order in which `palette` colours it."""


def make_pairs(
    annotations: AnnotationSet, results: Results, renderer: PairRenderer, parameters: Parameters
) -> list[Pair]:
    """Draw at most `report.gallery` instances that count, from the best to the worst prediction."""
    evaluated = []
    for result in results:
        instance = annotations.instance_by_id[result["instance_id"]]
        value = None if instance.ignore else renderer.quality(annotations, instance, result, parameters)
        if value is not None:
            evaluated.append((instance, result, value))
    chosen = choose(
        [value for *_, value in evaluated], [i.category_id for i, *_ in evaluated], parameters.report.gallery
    )

    def draw(position: int) -> Pair:
        instance, result, value = evaluated[position]
        image, category = annotations.image_by_id[instance.image_id], annotations.category_by_id[instance.category_id]
        window, tile = cut_tile(annotations, image, boxes.expand(instance.box, parameters.regions.expansion))
        pictures = tile, tile.copy()
        for picture, annotation in zip(pictures, (renderer.truth(instance), result[renderer.key]), strict=True):
            renderer.draw(picture, window, category, annotation)
        return Pair(category.name, instance.id, image.file_name, value, *map(data_uri, pictures))

    return draw_all(draw, chosen)


def make_previews(
    annotations: AnnotationSet, results: Results, renderer: PairRenderer, parameters: Parameters
) -> list[Preview]:
    """Draw the predictions of the highest scores, for data without annotations of the task.

    They are at most `report.gallery`, and at most `PER_PHOTOGRAPH` per photograph on average.
    """
    count = min(parameters.report.gallery, PER_PHOTOGRAPH * len(annotations.images))
    best = sorted(results, key=lambda result: -result["score"])[:count]

    def draw(result: Mapping[str, Any]) -> Preview:
        image = annotations.image_by_id[result["image_id"]]
        category = annotations.category_by_id[result["category_id"]]
        box = boxes.expand(boxes.from_coco(result["bbox"]), parameters.regions.expansion)
        window, tile = cut_tile(annotations, image, box)
        renderer.draw(tile, window, category, result[renderer.key])
        return Preview(category.name, image.file_name, result["score"], data_uri(tile))

    return draw_all(draw, best)


def _keypoint_quality(
    annotations: AnnotationSet, instance: Instance, result: Mapping[str, Any], parameters: Parameters
) -> float | None:
    category = annotations.category_by_id[instance.category_id]
    correct = right_keypoints(instance, category, result["keypoints"], parameters.evaluate)
    return float(correct.mean()) if len(correct) else None


def _draw_skeleton(tile: Picture, window: Window, category: Category, keypoints: Any) -> None:
    """Draw the keypoints that are present as dots in their colours, and limbs between them."""
    points = np.array(keypoints, dtype=np.float64).reshape(-1, 3)
    centres = window.to_tile(points[:, [0, 1, 0, 1]])[:, :2]
    present, colours = points[:, 2] > 0, palette(len(points))
    draw_skeleton(tile, centres, present, category.skeleton, colours, colours, 2)


def _part_quality(
    annotations: AnnotationSet, instance: Instance, result: Mapping[str, Any], _parameters: Parameters
) -> float | None:
    if not (instance.parts and instance.has_mask):
        return None
    return float(part_overlaps(annotations.image_by_id[instance.image_id], [result], [instance])[0, 0])


def _draw_parts(tile: Picture, window: Window, category: Category, parts: Any) -> None:
    colours = dict(zip(category.parts, palette(len(category.parts)), strict=True))
    for part in parts:
        tint(tile, window.mask(part["segmentation"]), colours[part["name"]], 0.65)


def make_legend(annotations: AnnotationSet, renderer: PairRenderer) -> dict[str, list[tuple[str, str]]]:
    """List name and CSS colour of everything that is drawn, by category; categories without any are left out."""
    named = {category.name: renderer.names(category) for category in annotations.categories}
    return {
        category: [(name, f"rgb({r} {g} {b})") for name, (r, g, b) in zip(names, palette(len(names)), strict=True)]
        for category, names in named.items()
        if names
    }


KEYPOINTS = PairRenderer(
    "keypoints",
    lambda instance: instance.keypoints,
    _keypoint_quality,
    _draw_skeleton,
    lambda category: category.keypoints,
)
"""Draws skeletons over the photograph."""
PARTS = PairRenderer(
    "parts",
    lambda instance: list(map(asdict, instance.parts)),
    _part_quality,
    _draw_parts,
    lambda category: category.parts,
)
"""Draws coloured parts over the photograph."""
