"""What `dataset.categories` and `dataset.minimum_area` mean, the same for every format."""

from collections.abc import Sequence

from hypercolumns.annotations import masks
from hypercolumns.annotations.masks import RLE
from hypercolumns.annotations.model import Category, Instance
from hypercolumns.errors import InputError, choices
from hypercolumns.parameters import DatasetParameters


def keep_categories(settings: DatasetParameters, known: Sequence[Category]) -> tuple[Category, ...]:
    """The categories to use, in the data set's order and with its ids; no filter keeps all.

    Raises
    ------
    InputError
        When `dataset.categories` names one that the data set does not have.
    """
    unknown = sorted(set(settings.categories) - {category.name for category in known})
    if unknown:
        raise InputError(
            f"dataset.categories names {unknown[0]!r}, which this data set does not have; "
            f"choose from {choices([category.name for category in known])}."
        )
    return tuple(c for c in known if not settings.categories or c.name in settings.categories)


def from_mask(
    settings: DatasetParameters, image_id: int, category_id: int, mask: RLE, *, difficult: bool = False
) -> Instance | None:
    """The instance of a mask, with its tight box and its id still 0; None for a mask without pixels.

    It neither trains nor counts when it is smaller than `dataset.minimum_area`, or `difficult`: the data set says so.
    """
    area = masks.area(mask)
    if area == 0:
        return None
    difficult = difficult or area < settings.minimum_area
    return Instance(0, image_id, category_id, mask, masks.box(mask), area, difficult=difficult)
