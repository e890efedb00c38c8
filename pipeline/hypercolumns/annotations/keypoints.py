"""Keypoints from a source of their own, given to the instances of a data set that has none."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.files import other_size
from hypercolumns.annotations.masks import RLE
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance
from hypercolumns.errors import InputError, choices
from hypercolumns.regions import boxes

LEAST_OVERLAP = 0.5
"""IoU with an instance from which on keypoints are its own. Ours."""

HIDDEN, VISIBLE = 1.0, 2.0
"""COCO's flags of labelled keypoints."""


@dataclass(frozen=True)
class KeypointObject:
    """An object with keypoints: COCO's flat list x, y, v, and what finds its instance, the mask if there is one.

    `image` is the stem of its photograph's file name, `category` a name; `where` says in messages which object it is.
    """

    image: str
    category: str
    box: tuple[float, float, float, float]
    keypoints: tuple[float, ...]
    where: str
    segmentation: RLE | None = None


@dataclass(frozen=True)
class KeypointSource:
    """Objects with keypoints and, by category, the names and the skeleton of these."""

    path: Path
    names: Mapping[str, tuple[str, ...]]
    skeletons: Mapping[str, tuple[tuple[int, int], ...]]
    objects: tuple[KeypointObject, ...]


def attach(annotations: AnnotationSet, source: KeypointSource, bad: BadItems) -> AnnotationSet:
    """`annotations` with the keypoints of `source` on the instances they belong to.

    Objects and instances of one image and category are paired by their overlap, largest first and each once: of masks
    where the object has one, else of boxes, at least `LEAST_OVERLAP`. Objects that no instance fits are counted as
    `unmatched_keypoints`; those of images or categories that are not in `annotations` do not count. Hidden keypoints
    outside the photograph, which annotators guess, become not labelled.

    Raises
    ------
    InputError
        When no category or no image of `annotations` has keypoints in `source`; for an object whose mask is of
        another size than the photograph, or with a visible keypoint outside of it, unless `bad` items are skipped.
    """
    categories = tuple(_with_keypoints(category, source) for category in annotations.categories)
    category_ids = {category.name: category.id for category in categories}
    if not category_ids.keys() & source.names.keys():
        raise InputError(
            f"{source.path} has keypoints of {choices(source.names)}, but the categories are {choices(category_ids)}."
        )
    images = _by_stem(annotations)
    if not any(item.image in images for item in source.objects):
        raise InputError(f"{source.path} has keypoints in none of the images of {annotations.description}.")
    groups: dict[tuple[int, int], list[KeypointObject]] = defaultdict(list)
    for item in source.objects:
        if item.image in images and item.category in category_ids:
            with bad.item():
                image = images[item.image]
                groups[image.id, category_ids[item.category]].append(_fitted(item, image))
    found: dict[int, tuple[float, ...]] = {}
    for (image_id, category_id), objects in groups.items():
        own = [i for i in annotations.instances_by_image[image_id] if i.category_id == category_id]
        found |= {instance.id: item.keypoints for instance, item in _pairs(own, objects)}
    unmatched = sum(len(objects) for objects in groups.values()) - len(found)
    return replace(
        annotations,
        categories=categories,
        instances=tuple(replace(i, keypoints=found.get(i.id, i.keypoints)) for i in annotations.instances),
        counts={**annotations.counts, "unmatched_keypoints": unmatched},
    )


def _with_keypoints(category: Category, source: KeypointSource) -> Category:
    if category.name not in source.names:
        return category
    names, skeleton = source.names[category.name], source.skeletons.get(category.name, ())
    if category.keypoints and category.keypoints != names:
        raise InputError(f"{source.path} has other keypoints of {category.name} than the data set has itself.")
    return replace(category, keypoints=names, skeleton=skeleton)


def _by_stem(annotations: AnnotationSet) -> dict[str, Image]:
    images: dict[str, Image] = {}
    for image in annotations.images:
        stem = PurePosixPath(image.file_name).stem
        if stem in images:
            raise InputError(f"dataset.keypoints finds photographs by name, but {stem!r} is the name of two.")
        images[stem] = image
    return images


def _fitted(item: KeypointObject, image: Image) -> KeypointObject:
    """The object with keypoints that lie in its photograph."""
    if item.segmentation is not None and item.segmentation["size"] != [image.height, image.width]:
        height, width = item.segmentation["size"]
        raise InputError(other_size(f"{item.where}: its mask", (width, height), (image.width, image.height)))
    flat: list[float] = []
    for x, y, seen in zip(item.keypoints[0::3], item.keypoints[1::3], item.keypoints[2::3], strict=True):
        inside = 0 <= x <= image.width and 0 <= y <= image.height
        if seen == VISIBLE and not inside:
            raise InputError(
                f"{item.where} has a visible keypoint at ({x:g}, {y:g}), outside its photograph of "
                f"{image.width} x {image.height} pixels."
            )
        flat += [x, y, seen] if inside and seen else [0.0, 0.0, 0.0]
    return replace(item, keypoints=tuple(flat))


def _pairs(instances: Sequence[Instance], objects: Sequence[KeypointObject]) -> list[tuple[Instance, KeypointObject]]:
    """Instances and the objects that are theirs, largest overlap first, equal ones in the order of the sources."""
    overlaps = _overlaps(instances, objects)
    free = np.ones(overlaps.shape, dtype=bool)
    pairs = []
    for index in np.argsort(-overlaps, axis=None, kind="stable"):
        row, column = divmod(int(index), len(objects))
        if overlaps[row, column] >= LEAST_OVERLAP and free[row, column]:
            pairs.append((instances[row], objects[column]))
            free[row], free[:, column] = False, False
    return pairs


def _overlaps(instances: Sequence[Instance], objects: Sequence[KeypointObject]) -> NDArray[np.float64]:
    """IoU (instances, objects); crowds, which are no single instance, overlap nothing."""
    overlaps = np.zeros((len(instances), len(objects)))
    if not instances:
        return overlaps
    for column, item in enumerate(objects):
        if item.segmentation is not None:
            overlaps[:, column] = masks.iou([i.segmentation for i in instances], [item.segmentation])[:, 0]
        else:
            overlaps[:, column] = boxes.iou([i.box for i in instances], [item.box])[:, 0]
    overlaps[np.array([instance.crowd for instance in instances])] = 0
    return overlaps
