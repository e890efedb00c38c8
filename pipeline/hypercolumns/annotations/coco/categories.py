"""The categories of a COCO file, with their keypoints, skeletons and parts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.coco.entries import CategoryEntry, Id, decode, is_absent
from hypercolumns.annotations.coco.ids import number_ids
from hypercolumns.annotations.files import require_unique
from hypercolumns.annotations.model import Category
from hypercolumns.annotations.valid_names import require_name
from hypercolumns.errors import InputError

Bones = tuple[tuple[int, int], ...]
"""Pairs of keypoint numbers to connect."""


def read_categories(
    path: Path, categories: Sequence[msgspec.Raw], annotations: Sequence[msgspec.Raw], bad_items: BadItems
) -> dict[Id, Category]:
    """Read the categories of a file, by the ids in the file.

    Names of keypoints or parts are needed by the task of that name only. Skeletons are needed by none: one that counts
    keypoints from 0 is shifted, and a malformed one is left out. Of the categories without annotations, those that
    repeat a name or only group others, such as the one that Roboflow adds, are left out.

    Raises
    ------
    InputError
        If an entry is malformed or has no usable name, a wanted task cannot use its keypoints or parts, or an id or
        name occurs twice.
    """
    entries = [decode(CategoryEntry, raw, f"{path}, categories.{i}") for i, raw in enumerate(categories)]
    entries = _without_unused(path, entries, annotations, bad_items)
    numbers = number_ids([entry.id for entry in entries])
    found: dict[Id, Category] = {}
    for entry, number in zip(entries, numbers, strict=True):
        category = _category(path, entry, bad_items)
        if entry.id in found:
            raise InputError(
                f"{path} has the category id {'null' if entry.id is None else repr(entry.id)} twice, for "
                f"{found[entry.id].name!r} and {category.name!r}; give each category an id of its own."
            )
        if category.name in (known.name for known in found.values()):
            raise InputError(f"{path} has the category name {category.name!r} twice; give each a name of its own.")
        found[entry.id] = replace(category, id=number)
    return found


def _without_unused(
    path: Path, entries: list[CategoryEntry], annotations: Sequence[msgspec.Raw], bad_items: BadItems
) -> list[CategoryEntry]:
    """Leave out categories without annotations that repeat a name or are the supercategory of others."""
    names = Counter(entry.name for entry in entries)
    groups = {e.supercategory for e in entries if isinstance(e.supercategory, str) and e.supercategory != e.name}
    if len(names) == len(entries) and not groups & set(names):
        return entries
    used = {_category_id(raw) for raw in annotations}
    kept = []
    for entry in entries:
        if entry.id not in used and (names[entry.name] > 1 or entry.name in groups):
            names[entry.name] -= 1
            message = f"{path}: no annotation has the category {entry.name!r} (id {entry.id})."
            bad_items.leave_out("unused_categories", message)
        else:
            kept.append(entry)
    return kept


class _OnlyCategory(msgspec.Struct, gc=False):
    category_id: Id = None


def _category_id(annotation: msgspec.Raw) -> Id:
    try:
        return msgspec.json.decode(annotation, type=_OnlyCategory).category_id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None  # reading the annotation names what is wrong with it


def _category(path: Path, entry: CategoryEntry, bad_items: BadItems) -> Category:
    """Check an entry; the id is 0 until the caller sets it."""
    require_name(entry.name, f"{path}: a category (id {entry.id})")
    keypoints: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    skeleton: Bones = ()
    with bad_items.catch("malformed_keypoint_lists", needed_by="keypoints"):
        keypoints = _names(path, entry.name, "keypoint", entry.keypoints)
    with bad_items.catch("malformed_part_lists", needed_by="parts"):
        parts = _names(path, entry.name, "part", entry.parts)
    try:
        skeleton = _skeleton(path, entry, len(keypoints))
    except InputError as error:
        bad_items.leave_out("malformed_skeletons", str(error))
    return Category(0, entry.name, keypoints, skeleton, parts)


def _names(path: Path, category: str, kind: str, raw: msgspec.Raw) -> tuple[str, ...]:
    """The names of the keypoints or parts of a category."""
    if is_absent(raw):
        return ()
    names = decode(tuple[str, ...], raw, f"{path}, the {kind}s of {category}")
    for name in names:
        require_name(name, f"{path}: a {kind} of {category}")
    require_unique(f"{path} has the {kind} of {category}", names)
    return names


def _skeleton(path: Path, entry: CategoryEntry, keypoints: int) -> Bones:
    """The bones of a category as pairs of numbers that count its keypoints from 1."""
    if is_absent(entry.skeleton) or not keypoints:
        return ()
    bones = decode(Bones, entry.skeleton, f"{path}, the skeleton of {entry.name}")
    ends = [end for bone in bones for end in bone]
    if not ends:
        return ()
    first, last = min(ends), max(ends)
    shift = 1 if first == 0 else 0
    if first < 0 or last + shift > keypoints:
        raise InputError(
            f"{path}: the skeleton of {entry.name} names keypoints from {first} to {last}, but it has {keypoints}."
        )
    return tuple((a + shift, b + shift) for a, b in bones)
