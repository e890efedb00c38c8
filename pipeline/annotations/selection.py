"""What `dataset.categories` and `dataset.minimum_area` mean, the same for every format."""

from collections.abc import Sequence

from pipeline.annotations.model import Category
from pipeline.errors import InputError, choices
from pipeline.parameters import DatasetParameters


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


def is_difficult(settings: DatasetParameters, area: int, annotated: bool = False) -> bool:
    """Whether an instance of `area` pixels neither trains nor counts; `annotated`: the data set says so itself."""
    return annotated or area < settings.minimum_area
