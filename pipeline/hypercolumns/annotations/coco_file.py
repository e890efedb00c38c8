"""A COCO annotation file, checked item by item: images, categories, masks, keypoints and our lists of parts."""

import json
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
from pycocotools import mask as coco_mask
from pydantic import BaseModel, Field, FiniteFloat, ValidationError

from hypercolumns.annotations import masks
from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.files import other_size
from hypercolumns.annotations.masks import RLE
from hypercolumns.annotations.model import Category, Part
from hypercolumns.errors import InputError, choices, plain

_FAR = 10
"""Polygons may reach this many image sizes beyond the image; pycocotools needs memory for every pixel of an edge."""

_Size = Annotated[int, Field(ge=1)]
_Id = Annotated[int, Field(ge=0, lt=2**63)]
_Item = TypeVar("_Item", bound=BaseModel)


class _Category(BaseModel):
    id: _Id
    name: str
    keypoints: list[str] = []
    skeleton: list[tuple[_Size, _Size]] = []
    parts: list[str] = []


class FileImage(BaseModel):
    """An image as the file lists it."""

    id: _Id
    file_name: str
    width: _Size
    height: _Size


class _Code(BaseModel):
    size: tuple[_Size, _Size]
    counts: str | list[Annotated[int, Field(ge=0)]]


_Segmentation = _Code | list[list[FiniteFloat]]


class _Part(BaseModel):
    name: str
    segmentation: _Segmentation


class FileAnnotation(BaseModel):
    """An annotation as the file has it; its image and category exist and its keypoints are those of the category."""

    id: _Id
    image_id: _Id
    category_id: _Id
    segmentation: _Segmentation
    iscrowd: Annotated[int, Field(ge=0, le=1)] = 0
    difficult: bool = False
    keypoints: list[FiniteFloat] = []
    parts: list[Any] = []


class _File(BaseModel):
    images: list[Any]
    categories: list[_Category]
    annotations: list[Any]


@dataclass(frozen=True)
class CocoFile:
    """A checked annotation file: every annotation has an image and a category."""

    path: Path
    images: dict[int, FileImage]
    categories: dict[int, Category]
    annotations: tuple[FileAnnotation, ...]

    @classmethod
    def open(cls, path: Path, bad: BadItems) -> "CocoFile":
        """Read and check a file; malformed images and annotations are `bad` items.

        Raises
        ------
        InputError
            For a missing file, JSON that is no COCO, a file without images, a category, or a keypoint or part of one,
            that occurs twice, a skeleton of keypoints that there are not, or a bad item: a field that is missing or of
            another type, a duplicate id, an unknown image or category, keypoints of another number than the
            category's, not finite, or labelled at negative coordinates.
        """
        try:
            content = _File.model_validate(json.loads(path.read_bytes()))
        except OSError as error:
            raise InputError(f"The annotation file {path} cannot be read: {error}.") from None
        except ValidationError as error:
            raise InputError(f"{path} is no COCO annotation file: {_explain(error)}.") from None
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path} is no COCO annotation file: {error}.") from None
        if not content.images:
            raise InputError(f"The annotation file {path} lists no images.")
        _check_names(path, content.categories)
        unique(path, "category id", (c.id for c in content.categories))
        unique(path, "category name", (c.name for c in content.categories))
        for category in content.categories:
            unique(path, f"keypoint of {category.name}", category.keypoints)
            unique(path, f"part of {category.name}", category.parts)
            if max((end for bone in category.skeleton for end in bone), default=0) > len(category.keypoints):
                raise InputError(
                    f"{path}: the skeleton of {category.name} names keypoints beyond its {len(category.keypoints)}."
                )
        categories = {
            c.id: Category(c.id, c.name, tuple(c.keypoints), tuple(c.skeleton), tuple(c.parts))
            for c in content.categories
        }
        images: dict[int, FileImage] = {}
        names: set[str] = set()
        for number, raw in enumerate(content.images):
            with bad.item():
                image = _item(FileImage, raw, f"images.{number}", path)
                if image.id in images:
                    raise InputError(f"{path} has the image id {image.id} twice.")
                if image.file_name in names:
                    raise InputError(f"{path} has the file name {image.file_name!r} twice.")
                images[image.id] = image
                names.add(image.file_name)
        annotations: dict[int, FileAnnotation] = {}
        for number, raw in enumerate(content.annotations):
            with bad.item():
                annotation = _item(FileAnnotation, raw, f"annotations.{number}", path)
                _check(annotation, path, images, categories)
                if annotation.id in annotations:
                    raise InputError(f"{path} has the annotation id {annotation.id} twice.")
                annotations[annotation.id] = annotation
        return cls(path, images, categories, tuple(annotations.values()))

    def mask(self, annotation: FileAnnotation) -> RLE:
        """The mask of an annotation, whatever form it has in the file; `InputError` when it does not fit its image."""
        where = f"{self.path}: annotation {annotation.id}"
        return _mask(annotation.segmentation, self.images[annotation.image_id], where)

    def parts(self, annotation: FileAnnotation, bad: BadItems) -> tuple[Part, ...]:
        """The parts of an annotation of which at least one pixel shows; malformed and unknown ones are `bad` items."""
        known = self.categories[annotation.category_id].parts
        parts: dict[str, Part] = {}
        for number, raw in enumerate(annotation.parts):
            where = f"{self.path}: annotation {annotation.id}, part {number}"
            with bad.item():
                part = _item(_Part, raw, f"annotation {annotation.id}, part {number}", self.path)
                if part.name not in known:
                    raise InputError(f"{where} is an unknown part {part.name!r}; choose from {choices(known)}.")
                if part.name in parts:
                    raise InputError(f"{where} is {part.name!r}, which the annotation has twice.")
                code = _mask(part.segmentation, self.images[annotation.image_id], where)
                if masks.area(code):
                    parts[part.name] = Part(part.name, code)
        return tuple(parts.values())


def unique(path: Path, meaning: str, values: Iterable[Hashable]) -> None:
    """`InputError` for the first of `values`, read from the file `path`, that occurs twice."""
    seen = set()
    for value in values:
        if value in seen:
            raise InputError(f"{path} has the {meaning} {value!r} twice.")
        seen.add(value)


def _check_names(path: Path, categories: list[_Category]) -> None:
    """Refuse empty names, which would be columns without a heading and targets that no parameter can choose."""
    for category in categories:
        if not category.name.strip():
            raise InputError(f"{path}: a category (id {category.id}) has no name.")
        for what, names in (("keypoint", category.keypoints), ("part", category.parts)):
            if not all(name.strip() for name in names):
                raise InputError(f"{path}: a {what} of {category.name} has no name; its {what}s are {names}.")


def _item(model: type[_Item], raw: Any, where: str, path: Path) -> _Item:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        known = f" (id {raw['id']!r})" if isinstance(raw, dict) and "id" in raw else ""
        raise InputError(f"{path} is no COCO annotation file: {where}.{_explain(error)}{known}.") from None


def _explain(error: ValidationError) -> str:
    """The first problem of a validation error in a few words."""
    problem = error.errors(include_url=False)[0]
    where = [str(part) for part in problem["loc"]]
    if "segmentation" in where and problem["type"] != "missing":
        # One of two forms is allowed, and pydantic would complain about the first alone.
        where = where[: where.index("segmentation") + 1]
        return f"{'.'.join(where)} is neither a list of polygons (lists of numbers) nor a code with size and counts"
    return f"{'.'.join(where) or 'the file'}: {plain(problem)}"


def _check(
    annotation: FileAnnotation, path: Path, images: dict[int, FileImage], categories: dict[int, Category]
) -> None:
    where = f"{path}: annotation {annotation.id}"
    if annotation.image_id not in images:
        raise InputError(f"{where} belongs to image {annotation.image_id}, which the file does not list.")
    if annotation.category_id not in categories:
        raise InputError(f"{where} has category {annotation.category_id}, which the file does not list.")
    names, values = categories[annotation.category_id].keypoints, annotation.keypoints
    if values and len(values) != 3 * len(names):
        raise InputError(f"{where} has {len(values)} keypoint values; its category needs {3 * len(names)}.")
    for name, x, y, seen in zip(names, values[0::3], values[1::3], values[2::3], strict=False):
        if seen and min(x, y) < 0:
            raise InputError(f"{where} has the keypoint {name!r} at negative coordinates ({x:g}, {y:g}).")
        if seen not in (0, 1, 2):
            raise InputError(f"{where} has the keypoint {name!r} of visibility {seen:g}; choose from 0, 1, 2.")


def _mask(given: _Segmentation, image: FileImage, where: str) -> RLE:
    if isinstance(given, list):
        if any(len(polygon) % 2 for polygon in given):
            raise InputError(f"{where} has a polygon with an odd number of coordinates.")
        reach = _FAR * max(image.width, image.height)
        if any(abs(value) > reach for polygon in given for value in polygon):
            raise InputError(f"{where} has a polygon that lies far outside its {image.width} x {image.height} image.")
        # Fewer than three corners enclose nothing; pycocotools would read four numbers as a box.
        polygons = [polygon for polygon in given if len(polygon) >= 6]
        if not polygons:
            return masks.encode(np.zeros((image.height, image.width), dtype=bool))
        return masks.from_polygons(polygons, image.height, image.width)
    height, width = given.size
    if (height, width) != (image.height, image.width):
        raise InputError(other_size(f"{where}: its mask", (width, height), (image.width, image.height)))
    code: dict[str, Any] = {"size": [height, width], "counts": given.counts}
    if isinstance(given.counts, list):
        if sum(given.counts) != height * width:
            raise InputError(f"{where} has runs of {sum(given.counts)} pixels in a mask of {height * width}.")
        code = coco_mask.frPyObjects(code, height, width)
    elif masks.run_total(given.counts) != height * width:
        raise InputError(f"{where} has a run-length code that does not fill its mask of {height * width} pixels.")
    counts = code["counts"]
    return masks.union(
        [RLE(size=[height, width], counts=counts.decode("ascii") if isinstance(counts, bytes) else counts)]
    )
