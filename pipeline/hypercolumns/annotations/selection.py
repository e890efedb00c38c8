"""Selecting categories, making instances and uniting parts, the same way for every format."""

from collections.abc import Iterable, Sequence

from hypercolumns.annotations import masks
from hypercolumns.annotations.masks import RLE
from hypercolumns.annotations.model import Category, Instance, Part
from hypercolumns.errors import InputError, choices
from hypercolumns.parameters import DatasetParameters


def keep_categories(settings: DatasetParameters, known: Sequence[Category]) -> tuple[Category, ...]:
    """Keep the categories that `dataset.categories` names, or all if it is empty, in the data set's order.

    Raises
    ------
    InputError
        If `dataset.categories` names a category that the data set does not have.
    """
    unknown = sorted(set(settings.categories) - {category.name for category in known})
    if unknown:
        raise InputError(
            f"dataset.categories names {unknown[0]!r}, which this data set does not have; "
            f"choose from {choices([category.name for category in known])}."
        )
    return wanted_categories(settings, known)


def wanted_categories(settings: DatasetParameters, known: Sequence[Category]) -> tuple[Category, ...]:
    """Keep the categories as `keep_categories` does; those that `known` lacks are not missed."""
    return tuple(c for c in known if not settings.categories or c.name in settings.categories)


def instance_from_mask(
    settings: DatasetParameters, image_id: int, category_id: int, mask: RLE, *, difficult: bool = False
) -> Instance | None:
    """Make an instance with the tight box and the area of its mask; its id is 0 until the caller sets one.

    Parameters
    ----------
    settings
        Instances smaller than `minimum_area` pixels become difficult.
    image_id, category_id
        Ids of its image and category.
    mask
        Its mask.
    difficult
        The data set marks it as difficult.

    Returns
    -------
    The instance, or None if the mask is empty.
    """
    area = masks.area(mask)
    if area == 0:
        return None
    difficult = difficult or area < settings.minimum_area
    return Instance(0, image_id, category_id, mask, masks.box(mask), area, difficult=difficult)


def trains(instance: Instance, minimum_area: int) -> bool:
    """Whether an instance becomes a training region: neither crowd nor difficult, with a box, and large enough.

    Parameters
    ----------
    instance
        An instance of train.
    minimum_area
        `regions.minimum_area` in pixels.
    """
    x0, y0, x1, y1 = instance.box
    return not instance.ignore and x1 > x0 and y1 > y0 and instance.area >= minimum_area


def unite_parts(pieces: Sequence[Part], names: Iterable[str]) -> tuple[Part, ...]:
    """Unite the pieces of each part in `names` that has any, in the order of `names`; other pieces are left out."""
    groups = {name: [piece.segmentation for piece in pieces if piece.name == name] for name in names}
    return tuple(Part(name, masks.union(codes)) for name, codes in groups.items() if codes)
