"""Pictures of keypoints and parts: the true ones beside those predicted in the same ground-truth box."""

import colorsys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.annotations import masks
from pipeline.annotations.images import read_image
from pipeline.annotations.model import AnnotationSet, Category, Instance
from pipeline.annotations.results import Results
from pipeline.evaluation.keypoints import right_keypoints
from pipeline.evaluation.parts import part_overlaps
from pipeline.parameters import EvaluateParameters
from pipeline.regions import boxes
from pipeline.reporting.gallery import BLACK, TILE, Window, choose, data_uri

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Pair:
    """One instance, true and predicted, as data URIs."""

    category: str
    instance_id: int
    file_name: str
    quality: float
    """Share of its keypoints that are right, or overlap of its part labels; 0..1."""
    truth: str
    found: str


def keypoint_pairs(
    annotations: AnnotationSet, results: Results, settings: EvaluateParameters, expansion: float, count: int
) -> list[Pair]:
    """Skeletons on the photo, of at most `count` instances from the best to the worst."""

    def quality(instance: Instance, result: Mapping[str, Any]) -> float | None:
        right = right_keypoints(instance, _category(annotations, instance), result["keypoints"], settings)
        return None if instance.ignore or not len(right) else float(right.mean())

    def draw(tile: NDArray[np.uint8], window: Window, category: Category, shown: Any) -> None:
        _draw_skeleton(tile, window, category, np.array(shown, dtype=np.float64).reshape(-1, 3))

    return _pairs(annotations, results, quality, draw, lambda i: i.keypoints, "keypoints", expansion, count)


def part_pairs(annotations: AnnotationSet, results: Results, expansion: float, count: int) -> list[Pair]:
    """Coloured part maps on the photo, of at most `count` instances from the best to the worst."""

    def quality(instance: Instance, result: Mapping[str, Any]) -> float | None:
        if instance.ignore or not instance.parts:
            return None
        return float(part_overlaps(annotations.image_by_id[instance.image_id], [result], [instance])[0, 0])

    def draw(tile: NDArray[np.uint8], window: Window, category: Category, shown: Any) -> None:
        for part in shown:
            mask = window.cut(masks.decode(part["segmentation"]).astype(np.uint8), cv2.INTER_NEAREST).astype(bool)
            colour = np.array(palette(len(category.parts))[category.parts.index(part["name"])])
            tile[mask] = (0.35 * tile[mask] + 0.65 * colour).round().astype(np.uint8)

    def truth(instance: Instance) -> list[dict[str, Any]]:
        return [{"name": part.name, "segmentation": part.segmentation} for part in instance.parts]

    return _pairs(annotations, results, quality, draw, truth, "parts", expansion, count)


def palette(count: int) -> list[Colour]:
    """`count` colours that go around the wheel."""
    colours = (colorsys.hsv_to_rgb(k / max(count, 1), 0.85, 1.0 if k % 2 == 0 else 0.7) for k in range(count))
    return [(round(255 * r), round(255 * g), round(255 * b)) for r, g, b in colours]


def _pairs(
    annotations: AnnotationSet,
    results: Results,
    quality: Callable[[Instance, Mapping[str, Any]], float | None],
    draw: Callable[[NDArray[np.uint8], Window, Category, Any], None],
    truth: Callable[[Instance], Any],
    key: str,
    expansion: float,
    count: int,
) -> list[Pair]:
    judged = []
    for result in results:
        instance = annotations.instance_by_id[result["instance_id"]]
        value = quality(instance, result)
        if value is not None:
            judged.append((instance, result, value))
    chosen = choose([value for *_, value in judged], [i.category_id for i, *_ in judged], count)
    pairs = []
    for instance, result, value in (judged[position] for position in chosen):
        image, category = annotations.image_by_id[instance.image_id], _category(annotations, instance)
        photo = read_image(annotations.image_path(image))
        window = Window.around(boxes.expand(instance.box, expansion), image.width, image.height)
        pictures = []
        for shown in (truth(instance), result[key]):
            tile = window.cut(photo, cv2.INTER_AREA if window.side > TILE else cv2.INTER_CUBIC)
            draw(tile, window, category, shown)
            pictures.append(data_uri(tile))
        pairs.append(Pair(category.name, instance.id, image.file_name, value, *pictures))
    return pairs


def _draw_skeleton(tile: NDArray[np.uint8], window: Window, category: Category, points: NDArray[np.float64]) -> None:
    """Limbs and dots of the keypoints that are there, in the colours of their second end."""
    places = [window.to_tile(np.array([x, y, x, y]))[:2].round().astype(int).tolist() for x, y, _ in points]
    there, colours = points[:, 2] > 0, palette(len(points))
    limbs = [(a - 1, b - 1) for a, b in category.skeleton if there[a - 1] and there[b - 1]]
    for width, colour in ((4, BLACK), (2, None)):
        for a, b in limbs:
            cv2.line(tile, places[a], places[b], colour or colours[b], width, cv2.LINE_AA)
    for k in np.flatnonzero(there):
        cv2.circle(tile, places[k], 5, BLACK, -1, cv2.LINE_AA)
        cv2.circle(tile, places[k], 4, colours[k], -1, cv2.LINE_AA)


def _category(annotations: AnnotationSet, instance: Instance) -> Category:
    return annotations.category_by_id[instance.category_id]
