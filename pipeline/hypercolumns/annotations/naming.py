"""Other names for parts and keypoints: the tables `dataset.part_names` and `dataset.keypoint_names`."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category, Instance, Part
from hypercolumns.errors import InputError

LEFT_OUT = "none"
"""The name in a table of parts under which stand those to leave out."""

LISTED = 24
"""Names in a message; PASCAL-Part has more than a hundred."""


def unknown_parts(annotations: AnnotationSet, table: Mapping[str, Sequence[str]]) -> list[str]:
    """What `table` (see `merge_parts`) names and no category has, in words: one sentence per entry that does so."""
    known = _parts(annotations)
    unknown = {
        new: [pattern for pattern in patterns if not any(fnmatchcase(part, pattern) for part in known)]
        for new, patterns in table.items()
    }
    return [
        f"dataset.part_names.{new} names {', '.join(map(repr, names))}, which no part of this data set fits; "
        f"{_listed(known, names[0])}."
        for new, names in unknown.items()
        if names
    ]


def merge_parts(annotations: AnnotationSet, table: Mapping[str, Sequence[str]]) -> AnnotationSet:
    """The annotation set with its parts merged and named as `table` says.

    Parameters
    ----------
    annotations : parts by the names of their data set.
    table : new name -> names in the data set, which may hold the wildcards of shell patterns ("wheel_*", "[lr]ear");
        the union of these parts is the new part. Parts under "none" are left out; parts that the table does not name
        keep their names. The parts of a category come in the order of the table, then of the data set.

    Raises
    ------
    InputError
        When a part stands under two names.

    See Also
    --------
    unknown_parts : names in the table that fit no part, which change nothing here.
    """
    if not table:
        return annotations
    known = _parts(annotations)
    new = {part: _new_name(part, table) for part in known}
    order = [*table, *known]

    def renamed(category: Category) -> Category:
        names = {new[part] for part in category.parts} - {LEFT_OUT}
        return replace(category, parts=tuple(sorted(names, key=order.index)))

    categories = tuple(renamed(category) for category in annotations.categories)
    parts_of = {category.id: category.parts for category in categories}
    instances = tuple(replace(i, parts=_merged(i, new, parts_of[i.category_id])) for i in annotations.instances)
    return replace(annotations, categories=categories, instances=instances)


def _parts(annotations: AnnotationSet) -> list[str]:
    """The names of all parts, in the order of the categories."""
    return list(dict.fromkeys(part for category in annotations.categories for part in category.parts))


def _listed(known: Iterable[str], near: str) -> str:
    """The valid names in a message, those that look like `near` first."""
    names = sorted(known)
    close = difflib.get_close_matches(near, names, n=5, cutoff=0.4)
    shown = (close + [name for name in names if name not in close])[:LISTED]
    more = f", ... ({len(names)} in all)" if len(names) > LISTED else ""
    return f"it has {', '.join(shown)}{more}" if names else "it has none"


def _fits(part: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(part, pattern) for pattern in patterns)


def _new_name(part: str, table: Mapping[str, Sequence[str]]) -> str:
    found = [name for name, patterns in table.items() if _fits(part, patterns)]
    if len(found) > 1:
        raise InputError(f"dataset.part_names puts the part {part!r} under {found[0]!r} and {found[1]!r}; choose one.")
    return found[0] if found else part


def _merged(instance: Instance, new: Mapping[str, str], names: Sequence[str]) -> tuple[Part, ...]:
    groups = {name: [part.segmentation for part in instance.parts if new[part.name] == name] for name in names}
    return tuple(Part(name, masks.union(codes)) for name, codes in groups.items() if codes)


def choose_keypoints(annotations: AnnotationSet, table: Mapping[str, str]) -> AnnotationSet:
    """The annotation set with the keypoints that `table` names, in its order and by its names; an empty one keeps all.

    `table` maps new names to names in the data set; a category has those that it has in the data set. Bones of the
    skeleton whose ends are both chosen stay.

    Raises
    ------
    InputError
        When no category has a keypoint of a name in the table.
    """
    if not table:
        return annotations
    known = {keypoint for category in annotations.categories for keypoint in category.keypoints}
    for new, old in table.items():
        if old not in known:
            raise InputError(
                f"dataset.keypoint_names.{new} names the keypoint {old!r}, which this data set does not have; "
                f"{_listed(known, old)}."
            )
    chosen = {
        category.id: [(new, category.keypoints.index(old)) for new, old in table.items() if old in category.keypoints]
        for category in annotations.categories
    }

    def renamed(category: Category) -> Category:
        number = {old + 1: new for new, (_, old) in enumerate(chosen[category.id], start=1)}
        bones = tuple((number[a], number[b]) for a, b in category.skeleton if a in number and b in number)
        return replace(category, keypoints=tuple(name for name, _ in chosen[category.id]), skeleton=bones)

    def picked(instance: Instance) -> Instance:
        if not instance.keypoints:
            return instance
        flat = [instance.keypoints[3 * old : 3 * old + 3] for _, old in chosen[instance.category_id]]
        return replace(instance, keypoints=tuple(value for triple in flat for value in triple))

    return replace(
        annotations,
        categories=tuple(renamed(category) for category in annotations.categories),
        instances=tuple(picked(instance) for instance in annotations.instances),
    )
