"""PASCAL-Part: JPEGImages, and Annotations_Part/*.mat with the masks of objects and of their parts."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hypercolumns.annotations import masks
from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.files import each, image_size, named, other_size, read_stems, require_folder
from hypercolumns.annotations.label_maps import VOC_CATEGORIES
from hypercolumns.annotations.masks import RLE
from hypercolumns.annotations.mat_file import read_struct
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance, Part
from hypercolumns.annotations.pascal_part_names import PARTS
from hypercolumns.annotations.selection import from_mask, keep_categories
from hypercolumns.errors import InputError, choices
from hypercolumns.parameters import DatasetParameters
from hypercolumns.workspace import Split

CATEGORIES = tuple(replace(category, parts=PARTS[category.name]) for category in VOC_CATEGORIES)
"""VOC's categories and ids with the parts that PASCAL-Part knows."""

_BY_NAME = {category.name: category for category in CATEGORIES} | {"table": CATEGORIES[10]}
"""The data set says "table" where VOC says "diningtable"."""


@dataclass(frozen=True)
class _Annotated:
    image: Image
    instances: tuple[Instance, ...]
    counts: dict[str, int]


def read(settings: DatasetParameters, split: Split) -> AnnotationSet:
    """The images of `settings.train_list` or `val_list`; without a list, all that have an annotation.

    Parts keep the data set's names, such as "luleg" or "wheel_2". Ids of images and instances are 1, 2, ... in order.

    Raises
    ------
    InputError
        For a missing folder, list or photograph, or, unless `settings.skip_bad`, for a .mat file, object or part
        that is malformed, of an unknown name, or of another size than the photograph.
    """
    root = require_folder(Path(settings.root), "dataset.root")
    photographs = require_folder(root / "JPEGImages", "photographs of PASCAL-Part")
    folder = require_folder(root / "Annotations_Part", "annotations of PASCAL-Part")
    listed = settings.train_list if split == "train" else settings.val_list
    stems = read_stems(named(root, listed, f"dataset.{split}_list")) if listed else _all_stems(folder)
    categories = keep_categories(settings, CATEGORIES)
    bad = BadItems(settings.skip_bad)

    def load(numbered: tuple[int, str]) -> _Annotated | None:
        number, stem = numbered
        with bad.item():
            width, height = image_size(photographs / f"{stem}.jpg")
            image = Image(number, f"{stem}.jpg", width, height)
            return _annotate(folder / f"{stem}.mat", image, categories, settings, bad)
        return None

    found = each(load, list(enumerate(stems, start=1)), "annotations of PASCAL-Part")
    annotated = [one for one in found if one is not None]
    instances = [instance for one in annotated for instance in one.instances]
    counts = {key: sum(one.counts[key] for one in annotated) for key in ("empty_masks", "other_categories")}
    return AnnotationSet(
        images=tuple(one.image for one in annotated),
        categories=categories,
        instances=tuple(replace(instance, id=number) for number, instance in enumerate(instances, start=1)),
        image_root=str(photographs),
        description=f"PASCAL-Part, {listed or 'all images'}",
        counts=counts | {"bad_items": bad.count},
    )


def _all_stems(folder: Path) -> tuple[str, ...]:
    stems = tuple(sorted(path.stem for path in folder.glob("*.mat")))
    if not stems:
        raise InputError(f"The folder {folder} holds no .mat file, so PASCAL-Part has no annotations there.")
    return stems


def _annotate(
    path: Path, image: Image, categories: tuple[Category, ...], settings: DatasetParameters, bad: BadItems
) -> _Annotated:
    counts = {"empty_masks": 0, "other_categories": 0}
    instances = []
    for number, item in enumerate(_objects(path), start=1):
        with bad.item():
            where = f"{path}: object {number}"
            name = _field(item, "class", where)
            if not isinstance(name, str) or name not in _BY_NAME:
                raise InputError(f"{where} has the category {name!r}; choose from {choices(_BY_NAME)}.")
            category = _BY_NAME[name]
            if category not in categories:
                counts["other_categories"] += 1
                continue
            made = from_mask(settings, image.id, category.id, _mask(item, image, where))
            if made is None:
                counts["empty_masks"] += 1
                continue
            parts = _parts(item, category, image, f"{where} ({category.name})", bad)
            instances.append(replace(made, parts=parts))
    return _Annotated(image, tuple(instances), counts)


def _parts(item: dict[str, Any], category: Category, image: Image, where: str, bad: BadItems) -> tuple[Part, ...]:
    """The parts of an object of which at least one pixel shows, in the file's order."""
    parts: dict[str, Part] = {}
    for number, part in enumerate(_structs(_field(item, "parts", where), f"{where}, parts"), start=1):
        with bad.item():
            name = _field(part, "part_name", f"{where}, part {number}")
            if not isinstance(name, str) or name not in category.parts:
                raise InputError(f"{where} has an unknown part {name!r}; choose from {choices(category.parts)}.")
            if name in parts:
                raise InputError(f"{where} has the part {name!r} twice.")
            code = _mask(part, image, f"{where}, part {name!r}")
            if masks.area(code):
                parts[name] = Part(name, code)
    return tuple(parts.values())


def _objects(path: Path) -> list[dict[str, Any]]:
    """The objects of a file as dictionaries with class, mask and parts."""
    content = read_struct(path, "anno", "PASCAL-Part annotation")
    return _structs(_field(content, "objects", f"{path}: anno"), f"{path}: objects")


def _structs(value: Any, where: str) -> list[dict[str, Any]]:
    """A MATLAB struct array as a list; SciPy makes a dictionary of one of length 1 and an array of an empty one."""
    items = [value] if isinstance(value, dict) else list(value) if isinstance(value, list | np.ndarray) else [value]
    if not all(isinstance(item, dict) for item in items):
        raise InputError(f"{where}: a struct array is needed, with fields for each item.")
    return items


def _field(item: dict[str, Any], key: str, where: str) -> Any:
    if key not in item:
        raise InputError(f"{where} has no field {key!r}; it has {choices(item)}.")
    return item[key]


def _mask(item: dict[str, Any], image: Image, where: str) -> RLE:
    """The field `mask` of an object or part: (height, width), zero or one."""
    mask = np.asarray(_field(item, "mask", where))
    if mask.ndim != 2 or mask.dtype.kind not in "buif":
        raise InputError(f"{where}: its mask is no (height, width) array of numbers.")
    if mask.shape != (image.height, image.width):
        raise InputError(other_size(f"{where}: its mask", mask.shape[::-1], (image.width, image.height)))
    if not np.isin(mask, (0, 1)).all():
        raise InputError(f"{where}: its mask holds values other than 0 and 1.")
    return masks.encode(mask.astype(bool))
