"""VOC's XML annotations: the objects they list, and which object of a mask each of them means."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.files import number_or_nan, read_xml
from hypercolumns.annotations.voc.class_table import plain
from hypercolumns.errors import InputError
from hypercolumns.regions import boxes

SAME_PLACE = 0.5
"""IoU from which on two boxes mean the same object, whatever its name."""

_MAX_OBJECTS = 10_000
"""A mask has at most 254, and each is compared with all objects of the XML."""

_FARTHEST = 1e6
"""In pixels; the area of a box beyond could overflow."""

_NO_BOX = (0.0, 0.0, 0.0, 0.0)
_YES = {"1", "true", "yes"}
_NO = {"", "0", "false", "no", "unspecified"}


@dataclass(frozen=True)
class XmlObject:
    """An object of an XML annotation."""

    path: Path
    """The annotation."""
    number: int
    """Its place in the file, from 1 on."""
    name: str
    """May be empty."""
    box: tuple[float, float, float, float] | None
    """None if it is missing or not four numbers."""
    flag: str
    """The content of `difficult`, empty if it is missing."""

    @property
    def where(self) -> str:
        """The object, its name and its file, for messages."""
        return f"object {self.number} ({self.name or 'without a name'}) of {self.path}"

    @property
    def difficult(self) -> bool | None:
        """Whether the object is marked as difficult; None if the flag cannot be read."""
        word = self.flag.casefold()
        return None if word not in _YES | _NO else word in _YES


@dataclass(frozen=True)
class MaskObject:
    """An object of a mask of object numbers."""

    number: int
    """The value of its pixels."""
    value: int
    """Its class, the most frequent value of its pixels in the class mask; 0 if it has none."""
    box: tuple[float, float, float, float]
    """The tight box of its pixels."""


def read_objects(path: Path) -> list[XmlObject]:
    """Read the objects of an annotation; whatever an object lacks, it is listed.

    Raises
    ------
    InputError
        If the file is not well-formed XML, declares entities, is of another kind, or lists more than 10,000 objects.
    """
    root = read_xml(path, "a VOC annotation")
    if root.tag != "annotation":
        raise InputError(f"{path} is not a VOC annotation: its outermost element is {root.tag!r}, not 'annotation'.")
    elements = root.findall("object")
    if len(elements) > _MAX_OBJECTS:
        raise InputError(f"{path} lists {len(elements)} objects, more than the {_MAX_OBJECTS} that are read.")
    return [
        XmlObject(path, number, item.findtext("name", "").strip(), _box(item), item.findtext("difficult", "").strip())
        for number, item in enumerate(elements, start=1)
    ]


def _box(item: Element) -> tuple[float, float, float, float] | None:
    """Read a box; VOC counts pixels from 1 and includes the last one, our boxes start at 0 and exclude the end."""
    left, top, right, bottom = (
        number_or_nan(item.findtext(f"bndbox/{side}", "")) for side in ("xmin", "ymin", "xmax", "ymax")
    )
    if not all(abs(side) <= _FARTHEST for side in (left, top, right, bottom)):  # also false for NaN
        return None
    return min(left, right) - 1, min(top, bottom) - 1, max(left, right), max(top, bottom)


def overlaps(mask_objects: Sequence[MaskObject], xml_objects: Sequence[XmlObject]) -> NDArray[np.float64]:
    """IoU of the boxes of n mask objects and m XML objects, (n, m); zero for an object without a box."""
    return boxes.iou([item.box for item in mask_objects], [item.box or _NO_BOX for item in xml_objects])


def attribute(mask_objects: Sequence[MaskObject], names: Sequence[str], xml_objects: Sequence[XmlObject]) -> list[int]:
    """Find the XML object that describes each mask object.

    It is the one of the same name whose box overlaps most. If there is none, it is one that describes no other object:
    at the same place under another name; of the same name and number; the only one of the name; or of the same number
    if it has no box.

    Parameters
    ----------
    mask_objects
        n objects.
    names
        The names of their classes.
    xml_objects
        m objects of the same photograph.

    Returns
    -------
    For each mask object an index into `xml_objects`, -1 if none describes it.
    """
    overlap = overlaps(mask_objects, xml_objects)
    same_name = _same_name(names, [item.name for item in xml_objects])
    shared = np.where(same_name, overlap, 0)
    found = np.where(shared.any(axis=1), shared.argmax(axis=1), -1) if xml_objects else np.full(len(mask_objects), -1)

    rows, columns = np.flatnonzero(found < 0), np.setdiff1d(np.arange(len(xml_objects)), found)
    overlap, same_name = overlap[np.ix_(rows, columns)], same_name[np.ix_(rows, columns)]
    numbers = np.array([item.number for item in mask_objects], dtype=int)[rows, None]
    without_box = np.array([item.box is None for item in xml_objects], dtype=bool)[columns]
    same_place = overlap >= SAME_PLACE
    same_number = numbers == columns + 1
    only_one = same_name & (same_name.sum(axis=0) == 1) & (same_name.sum(axis=1, keepdims=True) == 1)
    reasons = [same_place, same_number & same_name, only_one, same_number & without_box]
    score = np.select(reasons, [3 + overlap, 3, 2, 1])
    for _ in range(min(score.shape)):
        row, column = np.unravel_index(score.argmax(), score.shape)
        if score[row, column] > 0:
            found[rows[row]] = columns[column]
        score[row, :] = score[:, column] = 0
    return found.tolist()


def _same_name(first: Sequence[str], second: Sequence[str]) -> NDArray[np.bool_]:
    """Whether each name in `first` is spelled like each in `second`, apart from case and separators; (n, m)."""
    one, two = ([plain(name) for name in names] for names in (first, second))
    return np.array([[a == b for b in two] for a in one], dtype=bool).reshape(len(one), len(two))
