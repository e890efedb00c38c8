"""COCO: one JSON file per image set, with polygons, run-length codes, crowds and keypoints."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import numpy as np
from pycocotools import mask as coco_mask
from pydantic import BaseModel, Field, FiniteFloat, ValidationError

from pipeline.annotations import masks
from pipeline.annotations.files import inside, other_size, read_stems, require_folder
from pipeline.annotations.masks import RLE
from pipeline.annotations.model import AnnotationSet, Category, Image, Instance
from pipeline.annotations.selection import is_difficult, keep_categories
from pipeline.errors import InputError
from pipeline.parameters import DatasetParameters

_FAR = 10
"""Polygons may reach this many image sizes beyond the image; pycocotools needs memory for every pixel of an edge."""

_Size = Annotated[int, Field(ge=1)]


class _Category(BaseModel):
    id: int
    name: str
    keypoints: list[str] = []
    skeleton: list[tuple[int, int]] = []


class _Image(BaseModel):
    id: int
    file_name: str
    width: _Size
    height: _Size


class _Code(BaseModel):
    size: tuple[_Size, _Size]
    counts: str | list[Annotated[int, Field(ge=0)]]


class _Annotation(BaseModel):
    id: int
    image_id: int
    category_id: int
    segmentation: _Code | list[list[FiniteFloat]]
    iscrowd: Literal[0, 1] = 0
    difficult: bool = False
    keypoints: list[FiniteFloat] = []


class _File(BaseModel):
    images: list[_Image]
    categories: list[_Category]
    annotations: list[_Annotation]


@dataclass(frozen=True)
class _Source:
    """A checked annotation file: every annotation has an image and a category."""

    path: Path
    images: dict[int, _Image]
    categories: dict[int, Category]
    annotations: list[_Annotation]


def read(settings: DatasetParameters, split: Literal["train", "val"]) -> AnnotationSet:
    """The annotation file `settings.train` or `settings.val`, restricted to `train_list` or `val_list` if given.

    COCO's ids are kept. Areas and boxes are those of the rasterised masks. Images come in the order of the list, or
    of the file.

    Raises
    ------
    InputError
        For a missing folder or file, JSON that is no COCO, duplicate ids, annotations of unknown images or categories,
        a run-length code of another size than its image, or file names outside the folder of photographs.
    """
    root = require_folder(Path(settings.root), "dataset.root")
    key = "images" if split == "train" or settings.val_images is None else "val_images"
    folder = settings.images if key == "images" else str(settings.val_images)
    photographs = require_folder(inside(root, folder, f"dataset.{key}"), f"photographs, dataset.{key}")
    name, listed = (settings.train, settings.train_list) if split == "train" else (settings.val, settings.val_list)
    source = _open(inside(root, name, f"dataset.{split}"), photographs)
    images = list(source.images.values())
    if listed is not None:
        images = _restrict(images, inside(root, listed, f"dataset.{split}_list"), source.path)
    categories = keep_categories(settings, list(source.categories.values()))
    instances, counts = _instances(source, {i.id for i in images}, {c.id for c in categories}, settings)
    return AnnotationSet(
        images=tuple(Image(i.id, i.file_name, i.width, i.height) for i in images),
        categories=categories,
        instances=tuple(instances),
        image_root=str(photographs),
        description=f"COCO, {name}" + (f", {listed}" if listed else ""),
        counts=counts,
    )


def _open(path: Path, photographs: Path) -> _Source:
    try:
        content = _File.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        raise InputError(f"The annotation file {path} does not exist.") from None
    except OSError as error:
        raise InputError(f"The annotation file {path} cannot be read: {error}.") from None
    except ValidationError as error:
        raise InputError(f"{path} is no COCO annotation file: {_explain(error)}.") from None
    if not content.images:
        raise InputError(f"The annotation file {path} lists no images.")
    _unique(path, "image id", (i.id for i in content.images))
    _unique(path, "file name", (i.file_name for i in content.images))
    _unique(path, "category id", (c.id for c in content.categories))
    _unique(path, "category name", (c.name for c in content.categories))
    _unique(path, "annotation id", (a.id for a in content.annotations))
    images = {i.id: i for i in content.images}
    for image in content.images:
        inside(photographs, image.file_name, f"{path}, image {image.id},")
    categories = {c.id: Category(c.id, c.name, tuple(c.keypoints), tuple(c.skeleton)) for c in content.categories}
    for annotation in content.annotations:
        where = f"{path}: annotation {annotation.id}"
        if annotation.image_id not in images:
            raise InputError(f"{where} belongs to image {annotation.image_id}, which the file does not list.")
        if annotation.category_id not in categories:
            raise InputError(f"{where} has category {annotation.category_id}, which the file does not list.")
        expected = 3 * len(categories[annotation.category_id].keypoints)
        if annotation.keypoints and len(annotation.keypoints) != expected:
            raise InputError(f"{where} has {len(annotation.keypoints)} keypoint values; its category needs {expected}.")
    return _Source(path, images, categories, content.annotations)


def _explain(error: ValidationError) -> str:
    """The first problem of a validation error in a few words."""
    problem = error.errors(include_url=False)[0]
    where = [str(part) for part in problem["loc"]]
    if "segmentation" in where and problem["type"] != "missing":
        # One of two forms is allowed, and pydantic would complain about the first alone.
        where = where[: where.index("segmentation") + 1]
        return f"{'.'.join(where)} is neither a list of polygons (lists of numbers) nor a code with size and counts"
    return f"{'.'.join(where) or 'the file'}: {problem['msg']}"


def _unique(path: Path, meaning: str, values: Iterable[Hashable]) -> None:
    seen = set()
    for value in values:
        if value in seen:
            raise InputError(f"{path} has the {meaning} {value!r} twice.")
        seen.add(value)


def _restrict(images: list[_Image], listed: Path, source: Path) -> list[_Image]:
    """The images whose file names without folder and suffix stand in the list file, in its order."""
    by_stem = {PurePosixPath(image.file_name).stem: image for image in images}
    if len(by_stem) < len(images):
        _unique(source, "file stem", (PurePosixPath(image.file_name).stem for image in images))
    stems = read_stems(listed)
    missing = [stem for stem in stems if stem not in by_stem]
    if missing:
        raise InputError(f"{listed} names {missing[0]!r}, but {source} lists no image of that name.")
    return [by_stem[stem] for stem in stems]


def _instances(
    source: _Source, images: set[int], categories: set[int], settings: DatasetParameters
) -> tuple[list[Instance], dict[str, int]]:
    counts = {"empty_masks": 0, "other_categories": 0}
    instances = []
    for annotation in source.annotations:
        if annotation.image_id not in images:
            continue
        if annotation.category_id not in categories:
            counts["other_categories"] += 1
            continue
        code = _code(annotation, source)
        area = masks.area(code)
        if area == 0:
            counts["empty_masks"] += 1
            continue
        instances.append(
            Instance(
                id=annotation.id,
                image_id=annotation.image_id,
                category_id=annotation.category_id,
                segmentation=code,
                box=masks.box(code),
                area=area,
                crowd=annotation.iscrowd == 1,
                difficult=is_difficult(settings, area, annotation.difficult),
                keypoints=tuple(annotation.keypoints),
            )
        )
    return instances, counts


def _code(annotation: _Annotation, source: _Source) -> RLE:
    """The mask of an annotation, whatever form it has in the file."""
    image = source.images[annotation.image_id]
    where = f"{source.path}: annotation {annotation.id}"
    given = annotation.segmentation
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
    return masks.union([RLE(size=[height, width], counts=_text(code["counts"]))])


def _text(counts: str | bytes) -> str:
    return counts.decode("ascii") if isinstance(counts, bytes) else counts
