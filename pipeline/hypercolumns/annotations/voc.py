"""Data sets in the PASCAL VOC layout: label images of objects and categories, XML annotations and image sets."""

import math
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations import files, masks
from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.label_maps import VOC_CATEGORIES, VOC_NAMES, VOID, LabelledObject, LabelMap, assemble
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.errors import InputError
from hypercolumns.parameters import DatasetParameters
from hypercolumns.regions import boxes
from hypercolumns.workspace import Split


@dataclass(frozen=True)
class _XmlObject:
    name: str
    box: tuple[float, float, float, float]
    difficult: bool


def read(settings: DatasetParameters, split: Split, bad_items: BadItems) -> AnnotationSet:
    """Read the image set `settings.train` or `settings.val` of a data set in VOC layout.

    Label images take precedence over the XML: an object's category is the most frequent one of its pixels in
    SegmentationClass, and its box is the tight box of its mask. `difficult` comes from the XML object of that
    category whose box overlaps the mask's box most.

    Raises
    ------
    InputError
        If a folder, list, photograph, mask or XML file is missing or broken, or a mask does not fit its photograph.
    """
    root = files.require_folder(settings.folder, "dataset.root")
    photographs = files.require_folder(root / "JPEGImages", "photographs of a VOC data set")
    files.require_folder(root / "SegmentationObject", "object masks of a VOC data set")
    files.require_folder(root / "SegmentationClass", "category masks of a VOC data set")
    files.require_folder(root / "Annotations", "XML annotations of a VOC data set")
    name = settings.train if split == "train" else settings.val
    list_path = files.existing_path(root / "ImageSets" / "Segmentation", f"{name}.txt", f"dataset.{split}")
    stems = files.read_stems(list_path)
    return assemble(
        settings, stems, lambda stem: _load(root, stem), str(photographs), f"PASCAL VOC layout, {name}", bad_items
    )


def _load(root: Path, stem: str) -> LabelMap:
    file_name = f"{stem}.jpg"
    size = files.image_size(root / "JPEGImages" / file_name)
    numbers = files.read_label_image(root / "SegmentationObject" / f"{stem}.png", size)
    classes_path = root / "SegmentationClass" / f"{stem}.png"
    classes = files.read_label_image(classes_path, size)
    highest = int(classes[classes != VOID].max(initial=0))
    if highest > len(VOC_CATEGORIES):
        raise InputError(
            f"The mask {classes_path} holds the value {highest}; "
            f"categories are 1 to {len(VOC_CATEGORIES)}, background 0, void {VOID}."
        )
    xml_path = root / "Annotations" / f"{stem}.xml"
    elements = files.read_xml(xml_path, "a VOC annotation").findall("object")
    xml_objects = [_xml_object(item, f"{xml_path}: object {number}") for number, item in enumerate(elements, start=1)]
    # Object i of the XML has number i in the mask; objects that others hide entirely count as empty masks.
    object_numbers = {*np.unique(numbers).tolist(), *range(1, len(xml_objects) + 1)} - {0, VOID}
    objects = tuple(_object(n, numbers == n, classes, xml_objects) for n in sorted(object_numbers))
    return LabelMap(file_name, numbers, objects)


def _object(
    number: int, mask: NDArray[np.bool_], classes: NDArray[np.uint8], xml_objects: list[_XmlObject]
) -> LabelledObject:
    votes = np.bincount(classes[mask], minlength=VOID + 1)[1 : len(VOC_CATEGORIES) + 1]
    if votes.sum() == 0:
        return LabelledObject(number, None)
    category = int(votes.argmax()) + 1
    candidates = [item for item in xml_objects if item.name == VOC_NAMES[category - 1]]
    overlaps = boxes.iou([masks.box(masks.encode(mask))], [item.box for item in candidates])[0]
    difficult = bool(overlaps.any()) and candidates[int(overlaps.argmax())].difficult
    return LabelledObject(number, category, difficult)


def _xml_object(item: Element, where: str) -> _XmlObject:
    name, flag = item.findtext("name", "").strip(), item.findtext("difficult", "0").strip()
    if not name:
        raise InputError(f"{where} has no name.")
    if flag not in ("0", "1"):
        raise InputError(f"{where} ({name}): difficult is {flag!r}; choose from 0, 1.")
    return _XmlObject(name, _box(item, f"{where} ({name})"), flag == "1")


def _box(item: Element, where: str) -> tuple[float, float, float, float]:
    """Read a box; VOC counts pixels from 1 and includes the last one, our boxes start at 0 and exclude the end."""
    texts = [item.findtext(f"bndbox/{side}", "") for side in ("xmin", "ymin", "xmax", "ymax")]
    x0, y0, x1, y1 = (files.number_or_nan(text) for text in texts)
    if not (0 <= x0 <= x1 < math.inf and 0 <= y0 <= y1 < math.inf):
        sides = ", ".join(text or "nothing" for text in texts)
        raise InputError(
            f"{where}: its bndbox is {sides}; xmin, ymin, xmax, ymax must be finite, non-negative and in order."
        )
    return x0 - 1, y0 - 1, x1, y1
