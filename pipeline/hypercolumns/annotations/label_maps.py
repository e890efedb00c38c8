"""Annotation sets from label maps, images of object numbers with a category for each object (PASCAL VOC and SBD)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.annotating import AnnotatedImage, annotate_images
from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.label_images import VOID
from hypercolumns.annotations.lists import ListedName
from hypercolumns.annotations.model import AnnotationSet, Category, Image
from hypercolumns.annotations.selection import instance_from_mask, keep_categories
from hypercolumns.parameters import DatasetParameters

VOC_NAMES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog"),
    *("horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
VOC_CATEGORIES = tuple(Category(number, name) for number, name in enumerate(VOC_NAMES, start=1))
"""The 20 categories of PASCAL VOC; ids are the indices in its label images."""


@dataclass(frozen=True)
class LabelledObject:
    """An object of a label map."""

    number: int
    """The value of its pixels."""
    category_id: int | None
    """None if it has no category."""
    difficult: bool = False
    """VOC's flag of objects that are hard to recognise."""


@dataclass(frozen=True)
class LabelMap:
    """The objects of a photograph and the pixels of each."""

    file_name: str
    """File name of the photograph, relative to the folder of photographs."""
    numbers: NDArray[np.uint8]
    """(height, width): the object's number, 0 for background, 255 for void."""
    objects: tuple[LabelledObject, ...]


def assemble(
    settings: DatasetParameters,
    known: Sequence[Category],
    listed: Sequence[ListedName],
    load: Callable[[str], LabelMap],
    image_root: str,
    description: str,
    bad_items: BadItems,
) -> AnnotationSet:
    """Build an annotation set from label maps.

    Images and instances are numbered 1, 2, ... in list order. Objects without pixels or without a category are left
    out and counted.

    Parameters
    ----------
    settings
        Categories to keep, and the minimum area.
    known
        The categories of the data set.
    listed
        The images to read.
    load
        Reads the label map of an image, given its stem; raises an `InputError` if its annotation is malformed.
    image_root
        The folder of photographs.
    description
        What is read, for the annotation set and the progress bar.
    bad_items
        Collector for the errors of `load`.

    Raises
    ------
    InputError
        The first error of `load`, unless `bad_items` skips it; if `settings.categories` has an unknown name.
    """
    categories = keep_categories(settings, known)
    category_ids = {category.id for category in categories}

    def annotate(image_id: int, name: ListedName) -> AnnotatedImage:
        return _annotate(load(name.stem), image_id, category_ids, settings)

    return annotate_images(listed, annotate, categories, image_root, description, bad_items)


def _annotate(
    label_map: LabelMap, image_id: int, category_ids: set[int], settings: DatasetParameters
) -> AnnotatedImage:
    height, width = label_map.numbers.shape
    void = label_map.numbers == VOID
    image = Image(image_id, label_map.file_name, width, height, masks.encode(void) if void.any() else None)
    counts = {"empty_masks": 0, "without_category": 0, "other_categories": 0}
    instances = []
    for item in label_map.objects:
        mask = masks.encode(label_map.numbers == item.number)
        # Category 0 is a placeholder: an object without a category is left out below.
        instance = instance_from_mask(settings, image_id, item.category_id or 0, mask, difficult=item.difficult)
        if instance is None:
            counts["empty_masks"] += 1
        elif item.category_id is None:
            counts["without_category"] += 1
        elif item.category_id not in category_ids:
            counts["other_categories"] += 1
        else:
            instances.append(instance)
    return AnnotatedImage(image, instances, counts)
