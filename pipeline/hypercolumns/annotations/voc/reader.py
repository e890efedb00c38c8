"""Data sets in the PASCAL VOC layout: label images of objects and classes, XML annotations and image sets."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.label_images import VOID
from hypercolumns.annotations.label_maps import LabelledObject, LabelMap, assemble
from hypercolumns.annotations.lists import ListedName, find_list, known_stems, read_list, require_list, val_is_folder
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.voc.class_table import ASSUMED_TABLE, CURE, VOC_TABLE, ClassTable, plain
from hypercolumns.annotations.voc.classes import find_classes
from hypercolumns.annotations.voc.folder import Masks, VocFolder
from hypercolumns.annotations.voc.xml_objects import MaskObject, XmlObject, attribute, read_objects
from hypercolumns.errors import InputError
from hypercolumns.parameters import DatasetParameters
from hypercolumns.workspace import SPLITS, Split


def read(settings: DatasetParameters, split: Split, bad_items: BadItems) -> AnnotationSet:
    """Read the image set `settings.train` or `settings.val` of a data set in VOC layout.

    Label images decide: an object's category is the most frequent one of its pixels in SegmentationClass, and its box
    is the tight box of its mask. The XML, which may be missing, tells which objects are difficult, and names the
    classes if nothing else does. Without a list of train, all photographs that have an object mask are read if
    `settings` says how to find val without one.

    Raises
    ------
    InputError
        If a folder or list is missing, names of classes contradict each other, or, unless `bad_items` skips it, a
        photograph or mask is missing or a mask is broken.
    """
    folder = VocFolder.open(settings.folder)
    path = _list_path(folder, settings, split)
    if path is None:
        listed = _photographs_with_masks(folder)
        _count_incomplete(folder, bad_items)
    else:
        without = f"the folder {folder.photographs.folder} has no photograph"
        listed = read_list(path, folder.photographs.names, without, bad_items)
    table = find_classes(folder, _all_stems(folder, settings), settings.class_names)
    name = (settings.train if split == "train" else settings.val) if path else "all photographs with masks"
    names_from = "" if table is VOC_TABLE else f", classes of {Path(table.source).name}"
    if table is ASSUMED_TABLE:
        names_from = ", classes assumed to be VOC's since nothing names them (see dataset.class_names)"
    return assemble(
        settings,
        table.categories,
        listed,
        lambda stem: _load(folder, stem, table, bad_items),
        str(folder.photographs.folder),
        f"PASCAL VOC layout, {name}{names_from}",
        bad_items,
    )


def _list_path(folder: VocFolder, settings: DatasetParameters, split: Split) -> Path | None:
    """The list of a split; None if there is none for train and val does without, as a share of train or a folder."""
    name = settings.train if split == "train" else settings.val
    if split == "train" and not _val_has_list(settings) and find_list(folder.root, name) is None:
        return None
    cure = ", or set dataset.val_share to use all photographs with masks and hold out a share of them"
    return require_list(folder.root, name, f"dataset.{split}", cure)


def _val_has_list(settings: DatasetParameters) -> bool:
    return settings.val_share is None and not val_is_folder(settings)


def _photographs_with_masks(folder: VocFolder) -> tuple[ListedName, ...]:
    stems = sorted(folder.photographs.names.keys() & folder.object_masks.names.keys())
    if not stems:
        raise InputError(
            f"No photograph in {folder.photographs.folder} has a mask of the same name in {folder.object_masks.folder}."
        )
    return tuple(
        ListedName(stem, str(folder.object_masks.folder / folder.object_masks.names[stem][0])) for stem in stems
    )


def _count_incomplete(folder: VocFolder, bad_items: BadItems) -> None:
    """Count photographs without mask and masks without photograph, where no list says what belongs to the data set."""
    photographs, masks = folder.photographs.names.keys(), folder.object_masks.names.keys()
    for stem in sorted(photographs - masks):
        bad_items.leave_out("photographs_without_mask", f"The photograph {stem!r} has no mask of its objects.")
    for stem in sorted(masks - photographs):
        suffixes = ", ".join(folder.photographs.suffixes)
        message = f"The mask of {stem!r} has no photograph ({suffixes}) in {folder.photographs.folder}."
        bad_items.leave_out("masks_without_photograph", message)


def _all_stems(folder: VocFolder, settings: DatasetParameters) -> tuple[str, ...]:
    """The photographs of all splits that have a list."""
    stems: dict[str, None] = {}
    for split in SPLITS if _val_has_list(settings) else ("train",):
        path = _list_path(folder, settings, split)
        known = folder.photographs.names
        found = known_stems(path, known) if path else [item.stem for item in _photographs_with_masks(folder)]
        stems |= dict.fromkeys(found)
    return tuple(stems)


def _load(folder: VocFolder, stem: str, table: ClassTable, bad_items: BadItems) -> LabelMap:
    file_name = folder.photographs.find(stem)
    masks = folder.read_masks(stem, table)
    _refuse_unnamed(masks, table)
    mask_objects, xml_objects = masks.objects(), _xml_objects(folder, stem, bad_items)
    difficult = _difficult_numbers(mask_objects, xml_objects, table, bad_items)
    values = {item.number: item.value or None for item in mask_objects}
    # Object i of the XML has number i in the mask; objects that others hide entirely count as empty masks.
    numbers = sorted({*values, *range(1, min(len(xml_objects) + 1, VOID))})
    objects = tuple(LabelledObject(number, values.get(number), number in difficult) for number in numbers)
    return LabelMap(file_name, masks.numbers, objects)


def _refuse_unnamed(masks: Masks, table: ClassTable) -> None:
    unnamed = sorted(set(np.unique(masks.classes).tolist()) - {0, VOID, *table.names})
    if unnamed:
        names = ", ".join(f"{value} {name}" for value, name in sorted(table.names.items()))
        raise InputError(
            f"The mask {masks.classes_path} holds the value {unnamed[0]}, for which {table.source} has no name; it has "
            f"{names}. If the mask is right, {CURE}."
        )


def _xml_objects(folder: VocFolder, stem: str, bad_items: BadItems) -> list[XmlObject]:
    try:
        path = folder.xml_path(stem)
        return read_objects(path) if path else []
    except InputError as error:
        bad_items.leave_out("unreadable_xml", str(error))
        return []


def _difficult_numbers(
    mask_objects: Sequence[MaskObject], xml_objects: Sequence[XmlObject], table: ClassTable, bad_items: BadItems
) -> set[int]:
    """Numbers of the objects that the XML calls difficult; what is lost or contradicts is counted."""
    names = [table.names.get(item.value, "") for item in mask_objects]
    found = attribute(mask_objects, names, xml_objects)
    known = {plain(name) for name in table.names.values()}
    for index, xml in enumerate(xml_objects):
        if xml.difficult is None:
            bad_items.leave_out("unreadable_flags", f"{xml.where} has difficult {xml.flag!r}, which is not 0 or 1.")
        elif xml.difficult and index not in found:
            bad_items.leave_out("unattributed_flags", f"{xml.where} is difficult, but fits no object of the mask.")
    difficult = set()
    for item, name, index in zip(mask_objects, names, found, strict=True):
        if index < 0:
            continue
        xml = xml_objects[index]
        if name and plain(xml.name) in known - {plain(name)}:
            bad_items.leave_out("contradicting_names", f"{xml.where}: the name, since its mask has the class {name!r}.")
        if xml.difficult:
            difficult.add(item.number)
    return difficult
