"""PASCAL-Part: photographs in JPEGImages, masks of objects and their parts in Annotations_Part/*.mat."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hypercolumns.annotations import masks
from hypercolumns.annotations.annotating import AnnotatedImage, annotate_images
from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.files import existing_path, image_size, require_folder, size_mismatch
from hypercolumns.annotations.folders import PHOTOGRAPH_SUFFIXES, StemIndex
from hypercolumns.annotations.label_maps import VOC_CATEGORIES
from hypercolumns.annotations.lists import ListedName, read_list
from hypercolumns.annotations.masks import RLE
from hypercolumns.annotations.matlab.mat_file import read_struct
from hypercolumns.annotations.matlab.pascal_part_names import PARTS
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Part
from hypercolumns.annotations.selection import instance_from_mask, keep_categories
from hypercolumns.errors import InputError, choices
from hypercolumns.parameters import DatasetParameters
from hypercolumns.workspace import Split

CATEGORIES = tuple(replace(category, parts=PARTS[category.name]) for category in VOC_CATEGORIES)
"""VOC's categories, with the parts that PASCAL-Part annotates."""

_BY_NAME = {category.name: category for category in CATEGORIES} | {"table": CATEGORIES[10]}
"""Categories by their name in the files, which have "table" for VOC's "diningtable"."""


def read(settings: DatasetParameters, split: Split, bad_items: BadItems) -> AnnotationSet:
    """Read the images in `settings.train_list` or `settings.val_list`; without a list, all annotated images.

    Parts keep the data set's names, such as "luleg" or "wheel_2". Images and instances are numbered 1, 2, ... in
    order.

    Raises
    ------
    InputError
        If a folder or list is missing, or, unless `bad_items` skips it, if a photograph is missing or a .mat
        file, object or part is malformed, has an unknown name or differs in size from the others of its photograph.
    """
    root = require_folder(settings.folder, "dataset.root")
    images = require_folder(root / "JPEGImages", "photographs of PASCAL-Part")
    folder = require_folder(root / "Annotations_Part", "annotations of PASCAL-Part")
    photographs = StemIndex.of(images, PHOTOGRAPH_SUFFIXES, "photograph")
    list_name = settings.train_list if split == "train" else settings.val_list
    if list_name is None:
        listed = _all_annotated(folder)
    else:
        path = existing_path(root, list_name, f"dataset.{split}_list")
        listed = read_list(path, photographs.names, f"the folder {images} has no photograph", bad_items)
    categories = keep_categories(settings, CATEGORIES)

    def annotate(image_id: int, name: ListedName) -> AnnotatedImage:
        path, file_name = folder / f"{name.stem}.mat", photographs.find(name.stem)
        content = read_struct(path, "anno", "a PASCAL-Part annotation")
        objects = _structs(_field(content, "objects", f"{path}: anno"), f"{path}: objects")
        image = Image(image_id, file_name, *(_size(objects) or image_size(images / file_name)))
        return _annotate(path, objects, image, categories, settings, bad_items)

    description = f"PASCAL-Part, {list_name or 'all images'}"
    return annotate_images(listed, annotate, categories, str(images), description, bad_items)


def _all_annotated(folder: Path) -> tuple[ListedName, ...]:
    paths = sorted(folder.glob("*.mat"), key=lambda path: path.stem)
    if not paths:
        raise InputError(f"The folder {folder} has no .mat file, so there are no annotations of PASCAL-Part.")
    return tuple(ListedName(path.stem, str(path)) for path in paths)


def _size(objects: Sequence[dict[str, Any]]) -> tuple[int, int] | None:
    """Width and height of the masks of objects; None if there is none, or if they differ."""
    shapes = {mask.shape for mask in (np.asarray(item.get("mask")) for item in objects) if mask.ndim == 2}
    if len(shapes) != 1:
        return None
    height, width = shapes.pop()
    return width, height


def _annotate(
    path: Path,
    objects: Sequence[dict[str, Any]],
    image: Image,
    categories: tuple[Category, ...],
    settings: DatasetParameters,
    bad_items: BadItems,
) -> AnnotatedImage:
    counts = {"empty_masks": 0, "other_categories": 0}
    instances = []
    for number, item in enumerate(objects, start=1):
        with bad_items.catch("malformed_objects"):
            where = f"{path}: object {number}"
            name = _field(item, "class", where)
            if not isinstance(name, str) or name not in _BY_NAME:
                raise InputError(f"{where} has the category {name!r}; choose from {choices(_BY_NAME)}.")
            category = _BY_NAME[name]
            if category not in categories:
                counts["other_categories"] += 1
                continue
            instance = instance_from_mask(settings, image.id, category.id, _mask(item, image, where))
            if instance is None:
                counts["empty_masks"] += 1
                continue
            parts = _parts(item, category, image, f"{where} ({category.name})", bad_items)
            instances.append(replace(instance, parts=parts))
    return AnnotatedImage(image, instances, counts)


def _parts(item: dict[str, Any], category: Category, image: Image, where: str, bad_items: BadItems) -> tuple[Part, ...]:
    """Visible parts of an object, those with at least one pixel, in the file's order."""
    parts: dict[str, Part] = {}
    for number, part in enumerate(_structs(_field(item, "parts", where), f"{where}, parts"), start=1):
        with bad_items.catch("malformed_parts", needed_by="parts"):
            name = _field(part, "part_name", f"{where}, part {number}")
            if not isinstance(name, str) or name not in category.parts:
                raise InputError(f"{where} has an unknown part {name!r}; choose from {choices(category.parts)}.")
            if name in parts:
                raise InputError(f"{where} has the part {name!r} twice.")
            code = _mask(part, image, f"{where}, part {name!r}")
            if masks.area(code):
                parts[name] = Part(name, code)
    return tuple(parts.values())


def _structs(value: Any, where: str) -> list[dict[str, Any]]:
    """Convert a MATLAB struct array to a list; SciPy reads one item as a dictionary and an empty one as an array."""
    items = list(value) if isinstance(value, list | np.ndarray) else [value]
    if not all(isinstance(item, dict) for item in items):
        raise InputError(f"{where}: it must be a struct array.")
    return items


def _field(item: dict[str, Any], key: str, where: str) -> Any:
    if key not in item:
        raise InputError(f"{where} has no field {key!r}; it has {choices(item)}.")
    return item[key]


def _mask(item: dict[str, Any], image: Image, where: str) -> RLE:
    """Encode the field `mask` of an object or part, a (height, width) array of zeros and ones."""
    mask = np.asarray(_field(item, "mask", where))
    if mask.ndim != 2 or mask.dtype.kind not in "buif":
        raise InputError(f"{where}: its mask is not a (height, width) array of numbers.")
    if mask.shape != (image.height, image.width):
        raise InputError(size_mismatch(f"{where}: its mask", mask.shape[::-1], (image.width, image.height)))
    if not np.isin(mask, (0, 1)).all():
        raise InputError(f"{where}: its mask holds values other than 0 and 1.")
    return masks.encode(mask.astype(bool))
