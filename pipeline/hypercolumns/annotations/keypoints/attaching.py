"""Attaching keypoints from a separate source to the instances of a data set."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.files import size_mismatch
from hypercolumns.annotations.masks import RLE
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance
from hypercolumns.errors import InputError, choices
from hypercolumns.regions import boxes

MIN_OVERLAP = 0.5
"""Smallest IoU at which an object's keypoints belong to an instance. Ours."""

HIDDEN, VISIBLE = 1.0, 2.0
"""COCO's visibility flags of labelled keypoints."""


@dataclass(frozen=True)
class KeypointObject:
    """An object with keypoints, and its box or mask, by which its instance is found."""

    image: str
    """Stem of the photograph's file name."""
    category: str
    """Name of the category."""
    box: tuple[float, float, float, float]
    """x0, y0, x1, y1 in pixels, end-exclusive."""
    keypoints: tuple[float, ...]
    """COCO's flat list x, y, v per keypoint of the category."""
    where: str
    """The object's place in its file, for messages."""
    segmentation: RLE | None = None


@dataclass(frozen=True)
class KeypointSource:
    """Objects with keypoints, and their categories."""

    path: Path
    categories: Mapping[str, Category]
    """Categories with keypoints, by name; their ids are not used."""
    objects: tuple[KeypointObject, ...]


def attach(annotations: AnnotationSet, source: KeypointSource, bad_items: BadItems) -> AnnotationSet:
    """Give the instances of `annotations` the keypoints of the objects in `source` that overlap them most.

    Objects and instances of one image and category are paired one to one, largest overlap first, down to
    `MIN_OVERLAP`. The overlap is the IoU of the masks if both have one, else of the boxes. Hidden keypoints
    outside the photograph, which annotators guess, become unlabelled. Ours.

    Parameters
    ----------
    annotations
        Annotations without keypoints.
    source
        Objects with keypoints. Those of other images than `annotations` has are not used.
    bad_items
        Collector of the malformed objects in `source`, also for those that do not fit their photograph, and of those
        of other categories than `annotations` has.

    Returns
    -------
    The annotations with keypoints; `counts["unmatched_keypoints"]` is the number of objects without an instance.

    Raises
    ------
    InputError
        If `source` has no category or no image in common with `annotations`, or, unless `bad_items` skips it, if
        an object has a mask of another size than the photograph or a visible keypoint outside it.
    """
    categories = tuple(_with_keypoints(category, source) for category in annotations.categories)
    category_ids = {category.name: category.id for category in categories}
    if not category_ids.keys() & source.categories.keys():
        found = choices(source.categories)
        raise InputError(f"{source.path} has keypoints of {found}, but the categories are {choices(category_ids)}.")
    images = _images_by_stem(annotations)
    if not any(item.image in images for item in source.objects):
        raise InputError(f"{source.path} has no keypoints for any image of {annotations.description}.")
    groups: dict[tuple[int, int], list[KeypointObject]] = defaultdict(list)
    for item in source.objects:
        if item.image not in images:
            continue
        if item.category not in category_ids:
            bad_items.counts["keypoints_of_other_categories"] += 1
        else:
            with bad_items.catch("malformed_keypoints", needed_by="keypoints"):
                image = images[item.image]
                groups[image.id, category_ids[item.category]].append(_fit_to_photograph(item, image))
    keypoints: dict[int, tuple[float, ...]] = {}
    for (image_id, category_id), objects in groups.items():
        instances = [i for i in annotations.instances_by_image[image_id] if i.category_id == category_id]
        keypoints |= {instance.id: item.keypoints for instance, item in _pairs(instances, objects)}
    unmatched = sum(len(objects) for objects in groups.values()) - len(keypoints)
    return replace(
        annotations,
        categories=categories,
        instances=tuple(replace(i, keypoints=keypoints.get(i.id, i.keypoints)) for i in annotations.instances),
        counts={**annotations.counts, "unmatched_keypoints": unmatched},
    )


def _with_keypoints(category: Category, source: KeypointSource) -> Category:
    if category.name not in source.categories:
        return category
    found = source.categories[category.name]
    if category.keypoints and category.keypoints != found.keypoints:
        raise InputError(f"{source.path} has other keypoints of {category.name} than the data set itself.")
    return replace(category, keypoints=found.keypoints, skeleton=found.skeleton)


def _images_by_stem(annotations: AnnotationSet) -> dict[str, Image]:
    images: dict[str, Image] = {}
    for image in annotations.images:
        stem = PurePosixPath(image.file_name).stem
        if stem in images:
            raise InputError(f"dataset.keypoints finds photographs by file stem, but two have the stem {stem!r}.")
        images[stem] = image
    return images


def _fit_to_photograph(item: KeypointObject, image: Image) -> KeypointObject:
    """Check an object against the size of its photograph and clear hidden keypoints outside it."""
    if item.segmentation is not None and item.segmentation["size"] != [image.height, image.width]:
        height, width = item.segmentation["size"]
        raise InputError(size_mismatch(f"{item.where}: its mask", (width, height), (image.width, image.height)))
    keypoints: list[float] = []
    for x, y, visibility in zip(item.keypoints[0::3], item.keypoints[1::3], item.keypoints[2::3], strict=True):
        inside = 0 <= x <= image.width and 0 <= y <= image.height
        if visibility == VISIBLE and not inside:
            raise InputError(
                f"{item.where} has a visible keypoint at ({x:g}, {y:g}), outside its photograph of "
                f"{image.width} x {image.height} pixels."
            )
        keypoints += [x, y, visibility] if inside and visibility else [0.0, 0.0, 0.0]
    return replace(item, keypoints=tuple(keypoints))


def _pairs(instances: Sequence[Instance], objects: Sequence[KeypointObject]) -> list[tuple[Instance, KeypointObject]]:
    """Pair instances and objects, largest overlap first; equal overlaps are paired in the given order."""
    overlaps = _overlaps(instances, objects)
    pairs = []
    for index in np.argsort(-overlaps, axis=None, kind="stable"):
        row, column = divmod(int(index), len(objects))
        if overlaps[row, column] >= MIN_OVERLAP:
            pairs.append((instances[row], objects[column]))
            overlaps[row] = overlaps[:, column] = 0  # neither is paired again
    return pairs


def _overlaps(instances: Sequence[Instance], objects: Sequence[KeypointObject]) -> NDArray[np.float64]:
    """IoU (instances, objects); zero for crowds, since keypoints belong to a single instance."""
    overlaps = np.zeros((len(instances), len(objects)))
    for column, item in enumerate(objects):
        overlaps[:, column] = boxes.iou([i.box for i in instances], [item.box])[:, 0]
        if item.segmentation is not None:
            with_masks = [(row, i.segmentation) for row, i in enumerate(instances) if i.segmentation is not None]
            for row, mask in with_masks:
                overlaps[row, column] = masks.iou([mask], [item.segmentation])[0, 0]
    overlaps[np.array([instance.crowd for instance in instances], dtype=bool)] = 0
    return overlaps
