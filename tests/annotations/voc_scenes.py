"""A tiny data set of two classes in VOC layout, and what was drawn into it."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from hypercolumns.annotations import masks
from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.voc import reader as voc
from hypercolumns.parameters import DatasetParameters
from tests.annotations import annotation_layouts as layouts

WIDTH, HEIGHT = 48, 36
SPLITS = {"train": ("train_1", "train_2"), "val": ("val_1",)}
NAMES = {1: "helmet", 2: "vest"}
BOXES = {
    "train_1": [(5, 4, 20, 16), (24, 10, 40, 30)],
    "train_2": [(30, 2, 44, 12), (3, 20, 21, 34)],
    "val_1": [(10, 10, 30, 30), (28, 25, 46, 35)],
}
"""Boxes of the objects 1 and 2; object 2 covers a corner of object 1 in val_1."""
VALUES = {"train_1": (1, 2), "train_2": (2, 1), "val_1": (1, 2)}
"""Class values of the objects 1 and 2."""


def numbers(stem: str) -> np.ndarray:
    """Object number of each pixel."""
    labels = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    for number, (x0, y0, x1, y1) in enumerate(BOXES[stem], start=1):
        labels[y0:y1, x0:x1] = number
    return labels


def classes(stem: str) -> np.ndarray:
    """Class value of each pixel."""
    return np.array([0, *VALUES[stem]], dtype=np.uint8)[numbers(stem)]


def bits_of(value: int) -> tuple[int, int, int]:
    """VOC's colour of a number, from its bits in groups of three: the lowest group gives the highest bits."""
    groups = [value & 7, value >> 3 & 7, value >> 6 & 7]
    red, green, blue = (sum((group >> channel & 1) << 7 - i for i, group in enumerate(groups)) for channel in range(3))
    return red, green, blue


def palette(labels: np.ndarray) -> Image.Image:
    """An image with VOC's palette."""
    image = Image.fromarray(labels, mode="P")
    image.putpalette([channel for value in range(256) for channel in bits_of(value)])
    return image


def coloured(colours: Mapping[int, tuple[int, int, int]] | None = None) -> Callable[[np.ndarray], Image.Image]:
    """A function that draws labels in colours; VOC's if none are given."""
    table = np.array([bits_of(value) for value in range(256)], dtype=np.uint8)
    for value, colour in (colours or {}).items():
        table[value] = colour
    return lambda labels: Image.fromarray(table[labels])


def write(
    root: Path,
    objects: Callable[[np.ndarray], Image.Image] = palette,
    categories: Callable[[np.ndarray], Image.Image] | None = None,
    lists: bool = True,
) -> Path:
    """Write photographs, masks and lists, without XML, and return the folder."""
    for stems in SPLITS.values():
        for stem in stems:
            layouts.write_photograph(root / "JPEGImages" / f"{stem}.jpg", WIDTH, HEIGHT)
            save(objects(numbers(stem)), root / "SegmentationObject" / f"{stem}.png")
            save((categories or objects)(classes(stem)), root / "SegmentationClass" / f"{stem}.png")
    if lists:
        for split, stems in SPLITS.items():
            layouts.write_list(root / "ImageSets/Segmentation" / f"{split}.txt", stems)
    return root


def save(image: Image.Image, path: Path) -> None:
    """Save an image in a folder that is created if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def write_xml(root: Path, stem: str, names: Mapping[int, str] = NAMES, flags: tuple[object, object] = (0, 0)) -> None:
    """Write the XML of a photograph, with the boxes of both objects and the names of their classes."""
    described = zip(BOXES[stem], VALUES[stem], flags, strict=True)
    objects = [
        layouts.xml_object(names[value], (x0 + 1, y0 + 1, x1, y1), flag) for (x0, y0, x1, y1), value, flag in described
    ]
    layouts.write_xml(root / "Annotations" / f"{stem}.xml", *objects)


def write_all_xml(root: Path, names: Mapping[int, str] = NAMES) -> None:
    """Write the XML of all photographs."""
    for stem in BOXES:
        write_xml(root, stem, names)


def read(root: Path, split: str = "train", **parameters: object) -> tuple[AnnotationSet, BadItems]:
    """Read a split, and return the annotations and what was left out."""
    settings = DatasetParameters.model_validate({"format": "voc", "root": str(root), **parameters})
    bad_items = BadItems(settings.skip_bad, ["segmentation"])
    return voc.read(settings, split, bad_items), bad_items


def drawn(split: str = "train", names: Mapping[int, str] = NAMES) -> list[tuple]:
    """Photograph, class and pixels of every object that was drawn."""
    return [
        (stem, names[value], (numbers(stem) == number).tobytes())
        for stem in SPLITS[split]
        for number, value in enumerate(VALUES[stem], start=1)
    ]


def found(annotations: AnnotationSet) -> list[tuple]:
    """Photograph, class and pixels of every object that was read."""
    return [
        (
            Path(annotations.image_by_id[item.image_id].file_name).stem,
            annotations.category_by_id[item.category_id].name,
            masks.decode(item.segmentation).tobytes(),
        )
        for item in annotations.instances
    ]
