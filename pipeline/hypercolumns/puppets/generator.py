"""Draw the scenes of a split and annotate them from the ids of the shapes that were painted."""

import zlib
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from hypercolumns.annotations import masks
from hypercolumns.annotations.files import map_in_threads
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance, Part
from hypercolumns.annotations.selection import instance_from_mask, keep_categories
from hypercolumns.parameters import DatasetParameters
from hypercolumns.puppets import scene
from hypercolumns.puppets.canvas import fill
from hypercolumns.puppets.photographs import SourcePhotographs
from hypercolumns.puppets.shapes import Figure, Shape
from hypercolumns.workspace import Split

MIN_VISIBLE_PIXELS = 64
"""Figures with fewer visible pixels are difficult."""
MIN_VISIBLE_SHARE = 0.15
"""Figures with a smaller visible share of their area are difficult."""
JPEG_QUALITY = 90


def generate(settings: DatasetParameters, split: Split, seed: int, folder: Path) -> AnnotationSet:
    """Draw the scenes of one split into `folder` as JPEG files and return their annotations.

    A scene's random numbers depend only on `seed`, the split and its number, so asking for more scenes leaves the
    first ones unchanged.

    Raises
    ------
    InputError
        When `dataset.categories` names an unknown category, or a package with source photographs is missing.
    """
    categories = keep_categories(settings, scene.CATEGORIES)
    photographs = SourcePhotographs.load()
    folder.mkdir(parents=True, exist_ok=True)
    total = settings.puppets.train_images if split == "train" else settings.puppets.val_images
    width, height = settings.puppets.width, settings.puppets.height

    def make(number: int) -> tuple[Image, list[Instance], dict[str, int]]:
        rng = np.random.default_rng([seed, zlib.crc32(split.encode()), number])
        drawn = scene.draw(rng, width, height, photographs)
        name = f"{split}_{number:05}.jpg"
        Picture.fromarray(drawn.picture).save(folder / name, quality=JPEG_QUALITY)
        return Image(number, name, width, height), *_annotate(drawn, number, categories, settings)

    images, instances, counts = zip(*map_in_threads(make, range(1, total + 1), f"drawing {split}"), strict=True)
    return AnnotationSet(
        images=images,
        categories=categories,
        instances=tuple(replace(each, id=number) for number, each in enumerate(chain(*instances), start=1)),
        image_root=str(folder),
        description=f"puppets, {split}, seed {seed}",
        counts={key: sum(of_scene[key] for of_scene in counts) for key in counts[0]},
    )


def _annotate(
    drawn: scene.Scene, image_id: int, categories: tuple[Category, ...], settings: DatasetParameters
) -> tuple[list[Instance], dict[str, int]]:
    """Annotate the figures of a scene; count those without a visible pixel and those of unused categories."""
    by_name = {category.name: category for category in categories}
    counts = {"empty_masks": 0, "other_categories": 0}
    instances = []
    for index, figure in enumerate(drawn.figures):
        if figure.category is None:
            continue
        category = by_name.get(figure.category)
        if category is None:
            counts["other_categories"] += 1
            continue
        shapes = {i: shape for i, (figure_index, shape) in enumerate(drawn.shapes, start=1) if figure_index == index}
        mask = np.isin(drawn.shape_ids, list(shapes))
        visible = int(mask.sum())
        difficult = visible < MIN_VISIBLE_PIXELS or visible < MIN_VISIBLE_SHARE * unoccluded_area(figure)
        instance = instance_from_mask(settings, image_id, category.id, masks.encode(mask), difficult=difficult)
        if instance is None:
            counts["empty_masks"] += 1
            continue
        parts = []
        for name in category.parts:
            mask = np.isin(drawn.shape_ids, [i for i, shape in shapes.items() if shape.part == name])
            if mask.any():
                parts.append(Part(name, masks.encode(mask)))
        keypoints = _keypoints(figure, shapes, drawn.shape_ids)
        instances.append(replace(instance, keypoints=keypoints, parts=tuple(parts)))
    return instances, counts


def unoccluded_area(figure: Figure) -> int:
    """Count the pixels that a figure covers when nothing hides it and the picture's border does not cut it."""
    corners = np.concatenate([shape.polygon for shape in figure.shapes])
    origin = np.floor(corners.min(axis=0)) - 1
    columns, rows = ((np.ceil(corners.max(axis=0)) - origin).astype(int) + 2).tolist()
    covered = np.any([fill(shape.polygon - origin, rows, columns) for shape in figure.shapes], axis=0)
    return int(covered.sum())


def _keypoints(figure: Figure, shapes: dict[int, Shape], shape_ids: NDArray[np.int32]) -> tuple[float, ...]:
    """Keypoints as COCO's flat list: outside the picture is not labelled, occluded or turned away is hidden."""
    height, width = shape_ids.shape
    flat: list[float] = []
    for point in figure.keypoints:
        x, y = point.position
        if not (0 <= x < width and 0 <= y < height):
            flat += [0.0, 0.0, 0.0]
            continue
        nearby = shape_ids[max(0, int(y) - 1) : int(y) + 2, max(0, int(x) - 1) : int(x) + 2]
        visible = point.facing and any(shape.name in point.on for i, shape in shapes.items() if i in nearby)
        flat += [round(x, 2), round(y, 2), 2.0 if visible else 1.0]
    return tuple(flat)
