"""Giving both splits the same categories, keypoints and parts, since models identify them by position."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from hypercolumns.annotations.model import AnnotationSet, Category, Instance
from hypercolumns.errors import InputError, choices


def align(val: AnnotationSet, train: Sequence[Category], tasks: Collection[str]) -> AnnotationSet:
    """Give val the categories of train: their ids, order, keypoints, skeletons and parts, matched by names.

    Categories of val that train lacks are left out if val has no instance of them. Keypoints and parts that val lacks
    are unlabelled there; those that train lacks are left out if no wanted task needs them.

    Raises
    ------
    InputError
        If val has an instance of a category that train lacks, or lists a keypoint or part that train lacks and a wanted
        task needs.
    """
    by_name = {category.name: category for category in train}
    used = {instance.category_id for instance in val.instances}
    unknown = [c for c in val.categories if c.name not in by_name and c.id in used]
    if unknown:
        raise InputError(
            f"{val.description}: val has instances of the category {unknown[0].name!r}, which train does not list; "
            f"train has {choices(by_name)}. Name the categories that both have in dataset.categories."
        )
    for category in val.categories:
        for kind in ("keypoints", "parts"):
            known = getattr(by_name.get(category.name), kind, ())
            extra = [name for name in getattr(category, kind) if name not in known]
            if extra and known and kind in tasks:
                raise InputError(
                    f"{val.description}: val lists the {kind} {choices(extra)} of {category.name}, which train does "
                    f"not have; train has {choices(known)}."
                )
    targets = {category.id: by_name[category.name] for category in val.categories if category.name in by_name}
    sources = val.category_by_id
    instances = tuple(_aligned(i, sources[i.category_id], targets[i.category_id]) for i in val.instances)
    return replace(val, categories=tuple(train), instances=instances)


def _aligned(instance: Instance, source: Category, target: Category) -> Instance:
    """Move an instance of the category `source` to `target`, which has the same name."""
    if source == target:
        return instance
    keypoints: list[float] = []
    for name in target.keypoints if instance.keypoints else ():
        start = 3 * source.keypoints.index(name) if name in source.keypoints else None
        keypoints += [0.0, 0.0, 0.0] if start is None else instance.keypoints[start : start + 3]
    parts = tuple(part for part in instance.parts if part.name in target.parts)
    return replace(instance, category_id=target.id, keypoints=tuple(keypoints) if any(keypoints) else (), parts=parts)
