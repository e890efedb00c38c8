"""The categories of a COCO file, with their keypoints, skeletons and parts."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.coco_entries import CategoryEntry, decode, is_absent
from hypercolumns.annotations.files import require_unique
from hypercolumns.annotations.model import Category
from hypercolumns.annotations.valid_names import require_name
from hypercolumns.errors import InputError

Bones = tuple[tuple[int, int], ...]
"""Pairs of keypoint numbers to connect."""


def read_categories(
    path: Path, entries: Sequence[msgspec.Raw], bad_items: BadItems
) -> list[tuple[CategoryEntry, Category]]:
    """Read the categories of a file, each with its entry; their ids are 0 until the caller sets them.

    Names of keypoints or parts are needed by the task of that name only. Skeletons are needed by none: one that counts
    keypoints from 0 is shifted, and a malformed one is left out.

    Raises
    ------
    InputError
        If an entry is malformed or has no usable name, or a wanted task cannot use its keypoints or parts.
    """
    found = []
    for index, raw in enumerate(entries):
        entry = decode(CategoryEntry, raw, f"{path}, categories.{index}")
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
        found.append((entry, Category(0, entry.name, keypoints, skeleton, parts)))
    return found


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
    first, last = min(ends), max(ends)
    shift = 1 if first == 0 else 0
    if first < 0 or last + shift > keypoints:
        raise InputError(
            f"{path}: the skeleton of {entry.name} names keypoints from {first} to {last}, but it has {keypoints}."
        )
    return tuple((a + shift, b + shift) for a, b in bones)
