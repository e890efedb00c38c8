"""Renaming parts and keypoints according to `dataset.part_names` and `dataset.keypoint_names`."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from hypercolumns.annotations.model import AnnotationSet, Category, Instance
from hypercolumns.annotations.selection import unite_parts
from hypercolumns.errors import InputError

LEFT_OUT = "none"
"""The new name of parts to leave out."""

MAX_LISTED = 24
"""Number of valid names listed in a message; PASCAL-Part has more than a hundred parts."""


def unknown_parts(annotations: AnnotationSet, table: Mapping[str, Sequence[str]]) -> list[str]:
    """Report patterns in `table` (see `merge_parts`) that match no part of any category.

    Returns
    -------
    One sentence for each entry of the table with such patterns; it lists the valid names, most similar first.
    """
    known = _part_names(annotations)
    problems = []
    for new_name, patterns in table.items():
        unknown = [pattern for pattern in patterns if not any(fnmatchcase(part, pattern) for part in known)]
        if unknown:
            problems.append(
                f"dataset.part_names.{new_name} names {', '.join(map(repr, unknown))}, but no part of this data set "
                f"matches; {_valid_names(known, unknown[0])}."
            )
    return problems


def merge_parts(annotations: AnnotationSet, table: Mapping[str, Sequence[str]]) -> AnnotationSet:
    """Merge and rename the parts of all categories and instances.

    Parameters
    ----------
    annotations
        Annotations whose parts have the data set's names.
    table
        Maps each new name to names in the data set, which may have the wildcards of shell patterns ("wheel_*",
        "[lr]ear"). The new part is the union of the parts they match. Parts under "none" are left out; parts that no
        pattern matches keep their names.

    Returns
    -------
    Annotations whose categories list the parts of the table first, in its order, then the others in the data set's
    order.

    Raises
    ------
    InputError
        If a part matches patterns of two new names.

    See Also
    --------
    unknown_parts : Reports patterns that match no part, which `merge_parts` ignores.
    """
    if not table:
        return annotations
    known = _part_names(annotations)
    new_names = {part: _new_name(part, table) for part in known}
    order = [*table, *known]

    parts_of = {
        category.id: tuple(sorted({new_names[part] for part in category.parts} - {LEFT_OUT}, key=order.index))
        for category in annotations.categories
    }

    def merged(instance: Instance) -> Instance:
        pieces = [replace(part, name=new_names[part.name]) for part in instance.parts]
        return replace(instance, parts=unite_parts(pieces, parts_of[instance.category_id]))

    return replace(
        annotations,
        categories=tuple(replace(category, parts=parts_of[category.id]) for category in annotations.categories),
        instances=tuple(merged(instance) for instance in annotations.instances),
    )


def _part_names(annotations: AnnotationSet) -> list[str]:
    """Part names of all categories, without repetitions, in the order of the categories."""
    return list(dict.fromkeys(part for category in annotations.categories for part in category.parts))


def _valid_names(known: Iterable[str], name: str) -> str:
    """List valid names for a message, those similar to `name` first."""
    names = sorted(known)
    similar = difflib.get_close_matches(name, names, n=5, cutoff=0.4)
    listed = (similar + [name for name in names if name not in similar])[:MAX_LISTED]
    ellipsis = f", ... ({len(names)} in all)" if len(names) > MAX_LISTED else ""
    return f"it has {', '.join(listed)}{ellipsis}" if names else "it has none"


def _new_name(part: str, table: Mapping[str, Sequence[str]]) -> str:
    matches = [name for name, patterns in table.items() if any(fnmatchcase(part, pattern) for pattern in patterns)]
    if len(matches) > 1:
        raise InputError(
            f"dataset.part_names puts the part {part!r} under {matches[0]!r} and {matches[1]!r}; choose one."
        )
    return matches[0] if matches else part


def choose_keypoints(annotations: AnnotationSet, table: Mapping[str, str]) -> AnnotationSet:
    """Select, rename and order keypoints; an empty table keeps all.

    Parameters
    ----------
    annotations
        Annotations whose keypoints have the data set's names.
    table
        Maps new names to names in the data set, in the new order. A category keeps those of its keypoints that are
        in the table, and the bones of its skeleton with both ends among them.

    Raises
    ------
    InputError
        If the table has a name that no category has.
    """
    if not table:
        return annotations
    known = {keypoint for category in annotations.categories for keypoint in category.keypoints}
    for new_name, old_name in table.items():
        if old_name not in known:
            raise InputError(
                f"dataset.keypoint_names.{new_name} names the keypoint {old_name!r}, which this data set does not "
                f"have; {_valid_names(known, old_name)}."
            )
    chosen = {
        category.id: [(new, category.keypoints.index(old)) for new, old in table.items() if old in category.keypoints]
        for category in annotations.categories
    }

    def renamed(category: Category) -> Category:
        new_numbers = {index + 1: number for number, (_, index) in enumerate(chosen[category.id], start=1)}
        bones = tuple(
            (new_numbers[a], new_numbers[b]) for a, b in category.skeleton if a in new_numbers and b in new_numbers
        )
        return replace(category, keypoints=tuple(name for name, _ in chosen[category.id]), skeleton=bones)

    def reordered(instance: Instance) -> Instance:
        triples = [instance.keypoints[3 * index : 3 * index + 3] for _, index in chosen[instance.category_id]]
        return replace(instance, keypoints=tuple(value for triple in triples for value in triple))

    return replace(
        annotations,
        categories=tuple(renamed(category) for category in annotations.categories),
        instances=tuple(reordered(instance) for instance in annotations.instances),
    )
