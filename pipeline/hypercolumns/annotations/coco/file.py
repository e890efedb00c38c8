"""A COCO annotation file, checked item by item: images, categories, and objects with masks, boxes and keypoints."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from hypercolumns.annotations import masks
from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.coco.boxes import read_area, read_box
from hypercolumns.annotations.coco.categories import read_categories
from hypercolumns.annotations.coco.entries import (
    AnnotationEntry,
    Flag,
    Id,
    ImageEntry,
    PartEntry,
    decode,
    is_absent,
    read_attributes,
    read_content,
)
from hypercolumns.annotations.coco.ids import number_ids
from hypercolumns.annotations.coco.keypoints import read_keypoints
from hypercolumns.annotations.coco.masks import RelativeCoordinatesError, read_mask
from hypercolumns.annotations.masks import RLE
from hypercolumns.annotations.model import Category, Image, Part
from hypercolumns.errors import InputError, choices

_FLAGS = {0: False, 1: True, "0": False, "1": True, "false": False, "true": True, "": False, None: False}
"""Values of `iscrowd` and `difficult`; false and true equal 0 and 1."""


@dataclass(frozen=True)
class CocoObject:
    """An annotated object."""

    id: int
    image: Image
    category: Category
    segmentation: RLE | None
    """None if only the box is annotated."""
    box: tuple[float, float, float, float]
    """Tight box of the mask, or the annotated box, clipped to the image."""
    area: float
    """Pixels of the mask, or the annotated area, or that of the box."""
    crowd: bool
    difficult: bool
    keypoints: tuple[float, ...]
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class CocoFile:
    """Images and categories of an annotation file, by the ids in the file, and annotations that are not checked yet."""

    path: Path
    images: dict[Id, Image]
    categories: dict[Id, Category]
    annotations: list[msgspec.Raw]

    @classmethod
    def open(
        cls,
        path: Path,
        bad_items: BadItems,
        maximum_pixels: int,
        complete: Callable[[Image], Image] = lambda image: image,
    ) -> "CocoFile":
        """Read a file and check its images and categories.

        Ids that are not integers are replaced by 1, 2, ... in the order of the file.

        Parameters
        ----------
        path
            The file.
        bad_items
            Collector of malformed images.
        maximum_pixels
            Most pixels that an image may have.
        complete
            Sets the file name, and the size where it is 0, of an image; raises an `InputError` if that is impossible.

        Raises
        ------
        InputError
            If the file is missing, is not COCO JSON, has no images, or has a malformed category or one that occurs
            twice. Unless `bad_items` skips it, also for an image with a missing field, a field of the wrong type, or an
            id or file name that occurs twice.
        """
        content = read_content(path)
        images: dict[Id, Image] = {}
        keys: dict[str, Id] = {}
        ambiguous: set[Id] = set()
        for index, raw in enumerate(content.images or []):
            with bad_items.catch("malformed_images"):
                key, image = _image(path, index, raw, maximum_pixels)
                image = complete(image)
                if key in images:
                    ambiguous.add(key)
                    raise InputError(
                        f"{path} has the image id {key!r} twice, for {images[key].file_name} and {image.file_name}; "
                        "give each image an id of its own."
                    )
                if image.file_name in keys:
                    raise InputError(
                        f"{path} has the file name {image.file_name!r} twice, for the images {keys[image.file_name]!r} "
                        f"and {key!r}. If two people annotated it, keep the annotations of one."
                    )
                images[key] = image
                keys[image.file_name] = key
        for key in ambiguous:  # no annotation tells which of the two it belongs to
            del images[key]
        numbers = number_ids(list(images))
        numbered = {
            key: replace(image, id=number, source_id="" if number == key else str(key))
            for (key, image), number in zip(images.items(), numbers, strict=True)
        }
        annotations = content.annotations or []
        categories = read_categories(path, content.categories or [], annotations, bad_items)
        return cls(path, numbered, categories, annotations)

    def objects(
        self, bad_items: BadItems, image_ids: Collection[int], category_ids: Collection[int]
    ) -> Iterator[CocoObject]:
        """Check the annotations of some images and categories; those of other categories are counted.

        Yields
        ------
        Objects with a mask or box, in the order of the file. What is left out is counted in `bad_items`.

        Raises
        ------
        InputError
            Unless `bad_items` skips it, for an annotation with a field of the wrong type, an unknown image or
            category, an id that occurs twice, a mask that does not fit its image, or keypoints or parts that do not
            match those of its category and are needed.
        """
        seen: set[int] = set()
        for number, raw in zip(self._annotation_ids(), self.annotations, strict=True):
            found = None
            with bad_items.catch("malformed_annotations"):
                where = f"{self.path}: annotation {number}"
                entry = decode(AnnotationEntry, raw, where)
                image, category = self._owners(entry, where)
                if number in seen:
                    raise InputError(f"{self.path} has the annotation id {number} twice; give each an id of its own.")
                seen.add(number)
                if image.id not in image_ids:
                    continue
                if category.id not in category_ids:
                    bad_items.counts["other_categories"] += 1
                    continue
                found = _object(number, entry, image, category, where, bad_items)
            if found is not None:
                yield found

    def _annotation_ids(self) -> list[int]:
        """The ids of all annotations; entries without a valid id make all be numbered anew."""
        return number_ids([_id(raw) for raw in self.annotations])

    def _owners(self, entry: AnnotationEntry, where: str) -> tuple[Image, Category]:
        image, category = self.images.get(entry.image_id), self.categories.get(entry.category_id)
        if image is None:
            raise InputError(
                f"{where} belongs to image {entry.image_id!r}, which the file does not list or which was left out."
            )
        if category is None:
            raise InputError(f"{where} has category {entry.category_id!r}, which the file does not list.")
        return image, category


class _OnlyId(msgspec.Struct, gc=False):
    id: Id = None


def _id(annotation: msgspec.Raw) -> Id:
    try:
        return msgspec.json.decode(annotation, type=_OnlyId).id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None  # reading the annotation names what is wrong with it


def _image(path: Path, index: int, raw: msgspec.Raw, maximum_pixels: int) -> tuple[Id, Image]:
    """Read the id of an image in the file, and the image; its id is 0 until the caller sets it."""
    entry = decode(ImageEntry, raw, f"{path}, images.{index}")
    where = f"{path}, image {entry.id!r}"
    name = entry.file_name or entry.coco_url
    width, height = entry.width or 0, entry.height or 0
    if width <= 0 and height <= 0:
        width = height = 0
    if not isinstance(name, str) or not name:
        raise InputError(f"{where} has no file_name.")
    if entry.id is None:
        raise InputError(f"{path}, images.{index} ({name!r}) has no id.")
    # A file may leave out one side, and the other one must not be absurd either.
    if not (0 <= width * height <= maximum_pixels and 0 <= width <= maximum_pixels and 0 <= height <= maximum_pixels):
        raise InputError(f"{where} has the size {width} x {height}; dataset.maximum_pixels is {maximum_pixels}.")
    if width != int(width) or height != int(height):
        raise InputError(f"{where} has the size {width} x {height}, which are not whole pixels.")
    if not width * height:
        width = height = 0  # unknown
    origin = f"image {entry.id} of {path}"
    return entry.id, Image(0, name, int(width), int(height), origin=origin)


def _object(
    number: int, entry: AnnotationEntry, image: Image, category: Category, where: str, bad_items: BadItems
) -> CocoObject | None:
    """Check one annotation; None, and counted, if neither its mask nor its box covers a pixel."""
    if entry.iscrowd not in _FLAGS:
        raise InputError(f"{where} has iscrowd {entry.iscrowd!r}; choose from 0, 1.")
    crowd = _FLAGS[entry.iscrowd]
    attributes = read_attributes(entry.attributes)
    try:
        mask = _mask(entry, image, where, bad_items)
        box = masks.box(mask) if mask is not None else read_box(entry.bbox, attributes.rotation, image, where)
    except RelativeCoordinatesError as error:
        bad_items.leave_out("objects_in_relative_coordinates", str(error))
        return None
    if box is None:
        bad_items.leave_out("objects_without_mask_or_box", f"{where} has neither a mask nor a box.")
        return None
    area = masks.area(mask) if mask is not None else read_area(entry.area, box, where, bad_items)
    if not area:
        bad_items.counts["empty_masks"] += 1
        return None
    if crowd and attributes.occluded is not None:
        bad_items.leave_out(
            "brush_masks_marked_as_crowds",
            f"{where} is a crowd, which neither trains nor counts. CVAT marks every brush mask so: set iscrowd to 0 "
            "where a mask is of a single object.",
        )
    keypoints: tuple[float, ...] = ()
    with bad_items.catch("malformed_keypoints", needed_by="keypoints"):
        keypoints = read_keypoints(entry.keypoints, category, image, where, bad_items)
    return CocoObject(
        id=number,
        image=image,
        category=category,
        segmentation=mask,
        box=box,
        area=area,
        crowd=crowd,
        difficult=_difficult(entry.difficult, where, bad_items),
        keypoints=keypoints,
        parts=_parts(entry.parts, category, image, where, bad_items),
    )


def _mask(entry: AnnotationEntry, image: Image, where: str, bad_items: BadItems) -> RLE | None:
    """Read the mask of an annotation; where only keypoints are wanted, its box does instead of a malformed one."""
    try:
        return read_mask(entry.segmentation, image, where)
    except InputError as error:
        if bad_items.tasks != {"keypoints"} or is_absent(entry.bbox):
            raise
        bad_items.leave_out("malformed_masks", str(error))
        return None


def _difficult(raw: msgspec.Raw, where: str, bad_items: BadItems) -> bool:
    """The flag `difficult`, which VOC's tools add; false, and counted, if it is neither 0 nor 1."""
    try:
        value: Any = None if is_absent(raw) else decode(Flag, raw, f"{where}, its flag difficult")  # type: ignore[arg-type]
        if value not in _FLAGS:
            raise InputError(f"{where} has difficult {value!r}, which is not 0 or 1.")
    except InputError as error:
        bad_items.leave_out("unreadable_flags", str(error))
        return False
    return _FLAGS[value]


def _parts(raw: msgspec.Raw, category: Category, image: Image, where: str, bad_items: BadItems) -> tuple[Part, ...]:
    """The visible parts of an annotation, those with at least one pixel; malformed ones are passed to `bad_items`."""
    parts: dict[str, Part] = {}
    if is_absent(raw):
        return ()
    with bad_items.catch("malformed_parts", needed_by="parts"):
        for index, entry in enumerate(decode(list[msgspec.Raw], raw, f"{where}, its parts")):
            with bad_items.catch("malformed_parts", needed_by="parts"):
                part = decode(PartEntry, entry, f"{where}, part {index}")
                if part.name not in category.parts:
                    known = choices(category.parts)
                    raise InputError(f"{where}, part {index} is an unknown part {part.name!r}; choose from {known}.")
                if part.name in parts:
                    raise InputError(f"{where}, part {index} is {part.name!r}, which the annotation has twice.")
                mask = read_mask(part.segmentation, image, f"{where}, part {part.name!r}")
                if mask is not None and masks.area(mask):
                    parts[part.name] = Part(part.name, mask)
    return tuple(parts.values())
