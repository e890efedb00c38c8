"""Draws the scenes of a split and writes down what is in them."""

import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from hypercolumns.annotations import masks
from hypercolumns.annotations.files import each
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance, Part
from hypercolumns.annotations.selection import from_mask, keep_categories
from hypercolumns.parameters import DatasetParameters
from hypercolumns.puppets import scene
from hypercolumns.puppets.canvas import fill
from hypercolumns.puppets.photographs import SourcePhotographs
from hypercolumns.puppets.shapes import Figure, Shape
from hypercolumns.workspace import Split

LEAST_PIXELS = 64
"""Figures of which fewer pixels can be seen are difficult."""
LEAST_SHARE = 0.15
"""Figures of which a smaller share can be seen are difficult."""
JPEG_QUALITY = 90


@dataclass(frozen=True)
class _Drawn:
    image: Image
    instances: tuple[Instance, ...]
    counts: dict[str, int]


def generate(settings: DatasetParameters, split: Split, seed: int, folder: Path) -> AnnotationSet:
    """Draw the scenes of one split into `folder` as JPEG files and return their annotations.

    A scene depends on `seed`, the split and its number, so that more scenes leave the first ones as they are.
    """
    categories = keep_categories(settings, scene.CATEGORIES)
    photographs = SourcePhotographs.load()
    folder.mkdir(parents=True, exist_ok=True)
    total = settings.puppets.train_images if split == "train" else settings.puppets.val_images

    def make(number: int) -> _Drawn:
        rng = np.random.default_rng([seed, zlib.crc32(split.encode()), number])
        drawn = scene.draw(rng, settings.puppets.width, settings.puppets.height, photographs)
        name = f"{split}_{number:05}.jpg"
        Picture.fromarray(drawn.picture).save(folder / name, quality=JPEG_QUALITY)
        return _annotate(
            drawn, Image(number, name, settings.puppets.width, settings.puppets.height), categories, settings
        )

    scenes = each(make, range(1, total + 1), f"drawing {split}")
    instances = [instance for one in scenes for instance in one.instances]
    return AnnotationSet(
        images=tuple(one.image for one in scenes),
        categories=categories,
        instances=tuple(replace(instance, id=number) for number, instance in enumerate(instances, start=1)),
        image_root=str(folder),
        description=f"puppets, {split}, seed {seed}",
        counts={key: sum(one.counts[key] for one in scenes) for key in scenes[0].counts},
    )


def _annotate(
    drawn: scene.Scene, image: Image, categories: tuple[Category, ...], settings: DatasetParameters
) -> _Drawn:
    by_name = {category.name: category for category in categories}
    counts = {"empty_masks": 0, "other_categories": 0}
    instances = []
    for index, figure in enumerate(drawn.figures):
        if figure.category is None:
            continue
        if figure.category not in by_name:
            counts["other_categories"] += 1
            continue
        own = {number: shape for number, (owner, shape) in enumerate(drawn.shapes, start=1) if owner == index}
        mask = np.isin(drawn.numbers, list(own))
        area = int(mask.sum())
        hidden = area < LEAST_PIXELS or area < LEAST_SHARE * whole_area(figure)
        category = by_name[figure.category]
        made = from_mask(settings, image.id, category.id, masks.encode(mask), difficult=hidden)
        if made is None:
            counts["empty_masks"] += 1
            continue
        keypoints, parts = _keypoints(figure, own, drawn.numbers), _parts(category, own, drawn.numbers)
        instances.append(replace(made, keypoints=keypoints, parts=parts))
    return _Drawn(image, tuple(instances), counts)


def whole_area(figure: Figure) -> int:
    """Pixels that a figure would fill if nothing hid it and no border cut it."""
    corners = np.concatenate([shape.polygon for shape in figure.shapes])
    first = np.floor(corners.min(axis=0)) - 1
    columns, rows = (np.ceil(corners.max(axis=0)) - first).astype(int) + 2
    whole = np.zeros((rows, columns), dtype=np.uint8)
    for shape in figure.shapes:
        whole |= fill(shape.polygon - first, int(rows), int(columns))
    return int(whole.sum())


def _keypoints(figure: Figure, own: dict[int, Shape], numbers: NDArray[np.int32]) -> tuple[float, ...]:
    """COCO's list: outside the picture not labelled, behind something (or behind the figure itself) hidden."""
    height, width = numbers.shape
    flat: list[float] = []
    for point in figure.keypoints:
        x, y = point.position
        if not (0 <= x < width and 0 <= y < height):
            flat += [0.0, 0.0, 0.0]
            continue
        row, column = int(y), int(x)
        around = np.unique(numbers[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2])
        shown = point.facing and any(number in own and own[number].name in point.on for number in around)
        flat += [round(x, 2), round(y, 2), 2.0 if shown else 1.0]
    return tuple(flat)


def _parts(category: Category, own: dict[int, Shape], numbers: NDArray[np.int32]) -> tuple[Part, ...]:
    """The parts of which at least one pixel shows, in the category's order."""
    parts = []
    for name in category.parts:
        mask = np.isin(numbers, [number for number, shape in own.items() if shape.part == name])
        if mask.any():
            parts.append(Part(name, masks.encode(mask)))
    return tuple(parts)
