"""A COCO annotation file, checked item by item: images, categories, masks, keypoints and our lists of parts."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
from pycocotools import mask as coco_mask
from pydantic import BaseModel, Field, FiniteFloat, ValidationError

from hypercolumns.annotations import masks
from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.files import require_unique, size_mismatch
from hypercolumns.annotations.masks import RLE
from hypercolumns.annotations.model import Category, Image, Part
from hypercolumns.errors import InputError, choices, explain

_MAX_POLYGON_REACH = 10
"""Largest coordinate of a polygon, in image sizes; pycocotools allocates memory for every pixel along an edge."""

_PositiveInt = Annotated[int, Field(ge=1)]
_Id = Annotated[int, Field(ge=0, lt=2**63)]
_Model = TypeVar("_Model", bound=BaseModel)


class _Category(BaseModel):
    id: _Id
    name: str
    keypoints: list[str] = []
    skeleton: list[tuple[_PositiveInt, _PositiveInt]] = []
    parts: list[str] = []


class _Image(BaseModel):
    id: _Id
    file_name: str
    width: _PositiveInt
    height: _PositiveInt


class _RunLengthCode(BaseModel):
    size: tuple[_PositiveInt, _PositiveInt]
    counts: str | list[Annotated[int, Field(ge=0)]]


_Segmentation = _RunLengthCode | list[list[FiniteFloat]]


class _Part(BaseModel):
    name: str
    segmentation: _Segmentation


class FileAnnotation(BaseModel):
    """An annotation as the file lists it; its parts are checked when `CocoFile.parts` reads them."""

    id: _Id
    image_id: _Id
    category_id: _Id
    segmentation: _Segmentation
    iscrowd: Annotated[int, Field(ge=0, le=1)] = 0
    difficult: bool = False
    keypoints: list[FiniteFloat] = []
    parts: list[Any] = []


class _Content(BaseModel):
    images: list[Any]
    categories: list[_Category]
    annotations: list[Any]


@dataclass(frozen=True)
class CocoFile:
    """A checked annotation file: every annotation has a known image and category, and the category's keypoints."""

    path: Path
    images: dict[int, Image]
    categories: dict[int, Category]
    annotations: tuple[FileAnnotation, ...]

    @classmethod
    def open(cls, path: Path, bad_items: BadItems) -> "CocoFile":
        """Read and check a file; malformed images and annotations are passed to `bad_items`.

        Raises
        ------
        InputError
            If the file is missing, is not COCO JSON or has no images; if a category is listed twice, lists a
            keypoint or part twice, or has a skeleton with unknown keypoints. Unless `bad_items` skips them, also for
            an image or annotation with a missing field, a field of the wrong type, a duplicate id, an unknown image
            or category, or keypoints that are not finite, do not match those of the category, or are labelled at
            negative coordinates.
        """
        try:
            entries = json.loads(path.read_bytes())
        except OSError as error:
            raise InputError(f"The annotation file {path} cannot be read: {error}.") from None
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path} is not a COCO annotation file: {error}.") from None
        content = _validated(_Content, entries, path)
        if not content.images:
            raise InputError(f"The annotation file {path} lists no images.")
        _check_categories(path, content.categories)
        categories = {
            c.id: Category(c.id, c.name, tuple(c.keypoints), tuple(c.skeleton), tuple(c.parts))
            for c in content.categories
        }
        images: dict[int, Image] = {}
        file_names: set[str] = set()
        for index, entry in enumerate(content.images):
            with bad_items.catch("malformed_annotations"):
                image = Image(**_validated(_Image, entry, path, f"images.{index}").model_dump())
                if image.id in images:
                    raise InputError(f"{path} has the image id {image.id} twice.")
                if image.file_name in file_names:
                    raise InputError(f"{path} has the file name {image.file_name!r} twice.")
                images[image.id] = image
                file_names.add(image.file_name)
        annotations: dict[int, FileAnnotation] = {}
        for index, entry in enumerate(content.annotations):
            with bad_items.catch("malformed_annotations"):
                annotation = _validated(FileAnnotation, entry, path, f"annotations.{index}")
                _check_annotation(annotation, path, images, categories)
                if annotation.id in annotations:
                    raise InputError(f"{path} has the annotation id {annotation.id} twice.")
                annotations[annotation.id] = annotation
        return cls(path, images, categories, tuple(annotations.values()))

    def mask(self, annotation: FileAnnotation) -> RLE:
        """Convert the mask of an annotation, polygons or either kind of run-length code, to a compressed RLE.

        Raises
        ------
        InputError
            If the mask does not fit its image.
        """
        where = f"{self.path}: annotation {annotation.id}"
        return _mask(annotation.segmentation, self.images[annotation.image_id], where)

    def parts(self, annotation: FileAnnotation, bad_items: BadItems) -> tuple[Part, ...]:
        """Read the visible parts of an annotation, those with at least one pixel.

        Raises
        ------
        InputError
            If a part is malformed, unknown to the category or listed twice, unless `bad_items` skips it.
        """
        known = self.categories[annotation.category_id].parts
        parts: dict[str, Part] = {}
        for index, entry in enumerate(annotation.parts):
            label = f"annotation {annotation.id}, part {index}"
            where = f"{self.path}: {label}"
            with bad_items.catch("malformed_annotations"):
                part = _validated(_Part, entry, self.path, label)
                if part.name not in known:
                    raise InputError(f"{where} is an unknown part {part.name!r}; choose from {choices(known)}.")
                if part.name in parts:
                    raise InputError(f"{where} is {part.name!r}, which the annotation has twice.")
                code = _mask(part.segmentation, self.images[annotation.image_id], where)
                if masks.area(code):
                    parts[part.name] = Part(part.name, code)
        return tuple(parts.values())


def _check_categories(path: Path, categories: list[_Category]) -> None:
    """Refuse empty or repeated names and ids, and skeletons that name unknown keypoints.

    An empty name would make a column without a heading and a target that no parameter can select.
    """
    for category in categories:
        if not category.name.strip():
            raise InputError(f"{path}: a category (id {category.id}) has no name.")
        for kind, names in (("keypoint", category.keypoints), ("part", category.parts)):
            if not all(name.strip() for name in names):
                raise InputError(f"{path}: a {kind} of {category.name} has no name; its {kind}s are {names}.")
    require_unique(f"{path} has the category id", (c.id for c in categories))
    require_unique(f"{path} has the category name", (c.name for c in categories))
    for category in categories:
        require_unique(f"{path} has the keypoint of {category.name}", category.keypoints)
        require_unique(f"{path} has the part of {category.name}", category.parts)
        if max((end for bone in category.skeleton for end in bone), default=0) > len(category.keypoints):
            raise InputError(
                f"{path}: the skeleton of {category.name} names keypoints beyond its {len(category.keypoints)}."
            )


def _validated(model: type[_Model], entry: Any, path: Path, *location: str) -> _Model:
    """Validate an entry of the file `path`; `location` says where in the file it is."""
    try:
        return model.model_validate(entry)
    except ValidationError as error:
        entry_id = f" (id {entry['id']!r})" if isinstance(entry, dict) and "id" in entry else ""
        raise InputError(f"{path} is not a COCO annotation file: {_explain(error, *location)}{entry_id}.") from None


def _explain(error: ValidationError, *prefix: str) -> str:
    """Explain the first problem of a validation error; `prefix` is the location of the entry in its file."""
    problem = error.errors(include_url=False)[0]
    location = [*prefix, *(str(key) for key in problem["loc"])]
    if "segmentation" in location[:-1]:
        # A segmentation has two valid forms, and pydantic's first problem is about one of them only.
        location = location[: location.index("segmentation") + 1]
        return f"{'.'.join(location)} is neither a list of polygons (lists of numbers) nor a code with size and counts"
    return f"{'.'.join(location) or 'the file'}: {explain(problem)}"


def _check_annotation(
    annotation: FileAnnotation, path: Path, images: dict[int, Image], categories: dict[int, Category]
) -> None:
    where = f"{path}: annotation {annotation.id}"
    if annotation.image_id not in images:
        raise InputError(f"{where} belongs to image {annotation.image_id}, which the file does not list.")
    if annotation.category_id not in categories:
        raise InputError(f"{where} has category {annotation.category_id}, which the file does not list.")
    names, values = categories[annotation.category_id].keypoints, annotation.keypoints
    if values and len(values) != 3 * len(names):
        raise InputError(f"{where} has {len(values)} keypoint values; its category needs {3 * len(names)}.")
    for name, x, y, visibility in zip(names, values[0::3], values[1::3], values[2::3], strict=False):
        if visibility and min(x, y) < 0:
            raise InputError(f"{where} has the keypoint {name!r} at negative coordinates ({x:g}, {y:g}).")
        if visibility not in (0, 1, 2):
            raise InputError(f"{where} has the keypoint {name!r} of visibility {visibility:g}; choose from 0, 1, 2.")


def _mask(segmentation: _Segmentation, image: Image, where: str) -> RLE:
    if isinstance(segmentation, list):
        return _mask_from_polygons(segmentation, image, where)
    height, width = segmentation.size
    if (height, width) != (image.height, image.width):
        raise InputError(size_mismatch(f"{where}: its mask", (width, height), (image.width, image.height)))
    if isinstance(segmentation.counts, str):
        if masks.run_total(segmentation.counts) != height * width:
            raise InputError(f"{where} has a run-length code that does not fill its mask of {height * width} pixels.")
        return masks.union([RLE(size=[height, width], counts=segmentation.counts)])
    total = sum(segmentation.counts)
    if total != height * width:
        raise InputError(f"{where} has runs of {total} pixels in a mask of {height * width}.")
    return masks.union([coco_mask.frPyObjects(segmentation.model_dump(), height, width)])


def _mask_from_polygons(polygons: list[list[float]], image: Image, where: str) -> RLE:
    if any(len(polygon) % 2 for polygon in polygons):
        raise InputError(f"{where} has a polygon with an odd number of coordinates.")
    limit = _MAX_POLYGON_REACH * max(image.width, image.height)
    if any(abs(value) > limit for polygon in polygons for value in polygon):
        raise InputError(f"{where} has a polygon that lies far outside its {image.width} x {image.height} image.")
    # Fewer than three corners enclose nothing; pycocotools would read four numbers as a box.
    polygons = [polygon for polygon in polygons if len(polygon) >= 6]
    if not polygons:
        return masks.encode(np.zeros((image.height, image.width), dtype=bool))
    return masks.from_polygons(polygons, image.height, image.width)
