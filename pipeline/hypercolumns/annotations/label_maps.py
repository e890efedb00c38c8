"""Annotation sets from label maps: images of object numbers with a category for each (PASCAL VOC and SBD)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.files import each
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance
from hypercolumns.annotations.selection import from_mask, keep_categories
from hypercolumns.parameters import DatasetParameters

VOID = 255

_COUNTS = ("empty_masks", "without_category", "other_categories")

VOC_NAMES = (
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)
VOC_CATEGORIES = tuple(Category(number, name) for number, name in enumerate(VOC_NAMES, start=1))
"""The 20 categories of PASCAL VOC; ids are the indices in its label images."""


@dataclass(frozen=True)
class LabelledObject:
    """One object of a label map: its number there, its category's id (None: it has none) and VOC's flag."""

    number: int
    category_id: int | None
    difficult: bool = False


@dataclass(frozen=True)
class LabelMap:
    """A photograph's label map: (height, width) with 0 = background, 255 = void, else the number of an object."""

    file_name: str
    numbers: NDArray[np.uint8]
    objects: tuple[LabelledObject, ...]


@dataclass(frozen=True)
class _Encoded:
    image: Image
    instances: tuple[Instance, ...]
    counts: dict[str, int]


def assemble(
    settings: DatasetParameters,
    stems: Sequence[str],
    load: Callable[[str], LabelMap],
    image_root: str,
    description: str,
) -> AnnotationSet:
    """The annotation set of the images `stems`; `load` reads the label map of one.

    Ids of images and instances are 1, 2, ... in list order. Objects without any pixel or category are dropped
    and counted; so are images whose annotation is malformed, when `settings.skip_bad`.
    """
    categories = keep_categories(settings, VOC_CATEGORIES)
    kept = {category.id for category in categories}

    bad = BadItems(settings.skip_bad)

    def encode(numbered: tuple[int, str]) -> _Encoded | None:
        with bad.item():
            return _encode(load(numbered[1]), numbered[0], kept, settings)
        return None

    found = each(encode, list(enumerate(stems, start=1)), f"annotations of {description}")
    encoded = [one for one in found if one is not None]
    instances = [instance for one in encoded for instance in one.instances]
    return AnnotationSet(
        images=tuple(one.image for one in encoded),
        categories=categories,
        instances=tuple(replace(instance, id=number) for number, instance in enumerate(instances, start=1)),
        image_root=image_root,
        description=description,
        counts={key: sum(one.counts[key] for one in encoded) for key in _COUNTS} | {"bad_items": bad.count},
    )


def _encode(label_map: LabelMap, image_id: int, kept: set[int], settings: DatasetParameters) -> _Encoded:
    height, width = label_map.numbers.shape
    void = label_map.numbers == VOID
    image = Image(image_id, label_map.file_name, width, height, masks.encode(void) if void.any() else None)
    counts = dict.fromkeys(_COUNTS, 0)
    instances = []
    for item in label_map.objects:
        mask = masks.encode(label_map.numbers == item.number)
        # Without a category it is dropped below.
        made = from_mask(settings, image_id, item.category_id or 0, mask, difficult=item.difficult)
        if made is None:
            counts["empty_masks"] += 1
        elif item.category_id is None:
            counts["without_category"] += 1
        elif item.category_id not in kept:
            counts["other_categories"] += 1
        else:
            instances.append(made)
    return _Encoded(image, tuple(instances), counts)
