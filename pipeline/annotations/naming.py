"""Other names for parts and keypoints: the tables `dataset.part_names` and `dataset.keypoint_names`."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from pipeline.annotations import masks
from pipeline.annotations.model import AnnotationSet, Category, Instance, Part
from pipeline.errors import InputError, choices

LEFT_OUT = "none"
"""The name in a table of parts under which stand those to leave out."""


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
        When a part stands under two names, or none of the names in the data set is a part of any category.
    """
    if not table:
        return annotations
    known = dict.fromkeys(part for category in annotations.categories for part in category.parts)
    new = {part: _new_name(part, table) for part in known}
    if not any(_fits(part, patterns) for part in known for patterns in table.values()):
        raise InputError(f"dataset.part_names names no part that this data set has; they are {choices(known)}.")
    order = [*table, *known]

    def renamed(category: Category) -> Category:
        names = {new[part] for part in category.parts} - {LEFT_OUT}
        return replace(category, parts=tuple(sorted(names, key=order.index)))

    categories = tuple(renamed(category) for category in annotations.categories)
    parts_of = {category.id: category.parts for category in categories}
    instances = tuple(replace(i, parts=_merged(i, new, parts_of[i.category_id])) for i in annotations.instances)
    return replace(annotations, categories=categories, instances=instances)


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
    unknown = [name for name in table.values() if name not in known]
    if unknown:
        raise InputError(
            f"dataset.keypoint_names names the keypoint {unknown[0]!r}, which this data set does not have; "
            f"choose from {choices(known)}."
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
