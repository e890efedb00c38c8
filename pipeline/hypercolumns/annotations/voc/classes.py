"""The classes of a data set in VOC layout: named by files or a parameter, else by XML objects that lie on the masks."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.files import map_in_threads
from hypercolumns.annotations.valid_names import require_name
from hypercolumns.annotations.voc.class_table import ASSUMED_TABLE, CURE, VOC_TABLE, ClassTable, named_table, plain
from hypercolumns.annotations.voc.folder import VocFolder
from hypercolumns.annotations.voc.xml_objects import SAME_PLACE, MaskObject, XmlObject, overlaps, read_objects
from hypercolumns.errors import InputError

_SAMPLE = 50
"""Photographs that are compared with names from elsewhere."""

_CLOSE = 0.1
"""Difference in IoU below which two XML objects fit a mask equally well."""

_VOC_SPELLINGS = {plain(name) for name in VOC_TABLE.names.values()}


@dataclass(frozen=True)
class _Evidence:
    """The name that the XML gives to an object of a class."""

    value: int
    """The value of the class in the mask."""
    name: str
    source: str
    """The object and its file, for messages."""
    by_box: bool
    """The box of the XML object lies on the mask; otherwise it only has the number of the mask object."""


def find_classes(folder: VocFolder, stems: Sequence[str], class_names: Sequence[str]) -> ClassTable:
    """Find the names of the classes, the same for both splits.

    They are those of `dataset.class_names`, `labelmap.txt` or `class_names.txt`, in this order. Without these they are
    the names of the XML objects that lie on the masks, and VOC's if the XML names no others and does not contradict.

    Parameters
    ----------
    folder
        The data set.
    stems
        The photographs of both splits.
    class_names
        `dataset.class_names`.

    Raises
    ------
    InputError
        If names contradict each other; says which file holds which.
    """
    table = named_table(folder.root, class_names)
    annotated = [stem for stem in stems if stem in folder.annotations.names]
    if class_names or not annotated:
        return table or ASSUMED_TABLE
    sample = annotated[:: max(1, len(annotated) // _SAMPLE)]
    if table is not None:
        contradictions = _contradictions(folder, sample, table)
        if contradictions:
            found = contradictions[0]
            raise InputError(
                f"{table.source} calls the class {found.value} {table.names[found.value]!r}, but {found.source} calls "
                f"it {found.name!r}. Correct one, or {CURE}."
            )
        return table
    spellings = _xml_spellings(folder, annotated)
    if spellings <= _VOC_SPELLINGS and not (spellings and _contradictions(folder, sample, VOC_TABLE)):
        return VOC_TABLE
    return _from_evidence(_evidence(folder, annotated, ClassTable({}, "the XML")))


def _xml_spellings(folder: VocFolder, stems: Sequence[str]) -> set[str]:
    """The spellings of all names in the XML of photographs."""
    names = map_in_threads(lambda stem: {plain(item.name) for item in _xml_objects(folder, stem)}, stems, "XML")
    return set().union(*names) - {""}


def _contradictions(folder: VocFolder, stems: Sequence[str], table: ClassTable) -> Sequence[_Evidence]:
    """Evidence against a table, unless there is more for it: single objects of the XML may be wrong."""
    known = {plain(name) for name in table.names.values()}
    evidence = [
        item
        for item in _evidence(folder, stems, table)
        if item.by_box and plain(item.name) in known and item.value in table.names
    ]
    against = [item for item in evidence if plain(item.name) != plain(table.names[item.value])]
    return against if len(against) > len(evidence) / 2 else ()


def _from_evidence(evidence: Collection[_Evidence]) -> ClassTable:
    """The table that all evidence agrees on; that by number counts for classes without evidence by box."""
    by_value: dict[int, _Evidence] = {}
    values = {item.value for item in evidence if item.by_box}
    for item in evidence:
        if item.value in values and not item.by_box:
            continue
        first = by_value.setdefault(item.value, item)
        if plain(first.name) != plain(item.name):
            raise InputError(
                f"The XML names the class {item.value} of the masks {first.name!r} ({first.source}) and {item.name!r} "
                f"({item.source}). Correct one, or {CURE}."
            )
    by_name: dict[str, _Evidence] = {}
    for item in by_value.values():
        require_name(item.name, f"{item.source}: its class")
        first = by_name.setdefault(plain(item.name), item)
        if first is not item:
            raise InputError(
                f"The XML gives the name {item.name!r} to the class {first.value} of the masks ({first.source}) and to "
                f"the class {item.value} ({item.source}). Correct one, or {CURE}."
            )
    return ClassTable({value: item.name for value, item in by_value.items()}, "the XML of the data set")


def _evidence(folder: VocFolder, stems: Sequence[str], table: ClassTable) -> list[_Evidence]:
    """Collect the names that the XML of photographs gives to the classes of their masks, in order."""

    def of_photograph(stem: str) -> list[_Evidence]:
        try:
            mask_objects = [item for item in folder.read_masks(stem, table).objects() if item.value]
        except InputError:  # reported when the photograph is read for its split
            return []
        xml_objects = [item for item in _xml_objects(folder, stem) if plain(item.name)]
        rows = overlaps(mask_objects, xml_objects)
        named = [
            (item.value, *_find_name(item, xml_objects, row)) for item, row in zip(mask_objects, rows, strict=True)
        ]
        return [_Evidence(value, item.name, item.where, by_box) for value, item, by_box in named if item is not None]

    return [item for items in map_in_threads(of_photograph, stems, "names of classes") for item in items]


def _find_name(
    mask_object: MaskObject, xml_objects: Sequence[XmlObject], overlap: NDArray[np.float64]
) -> tuple[XmlObject | None, bool]:
    """Find the XML object that names a mask object, and whether its box shows it or only its number."""
    best = overlap.max(initial=0)
    close = [item for item, iou in zip(xml_objects, overlap, strict=True) if iou >= best - _CLOSE]
    if best >= SAME_PLACE and len({plain(item.name) for item in close}) == 1:
        return close[0], True
    candidates = close if best >= SAME_PLACE else xml_objects
    return next((item for item in candidates if item.number == mask_object.number), None), False


def _xml_objects(folder: VocFolder, stem: str) -> list[XmlObject]:
    """The objects in the XML of a photograph; none if it cannot be read, which is counted elsewhere."""
    try:
        path = folder.xml_path(stem)
        return read_objects(path) if path else []
    except InputError:
        return []
