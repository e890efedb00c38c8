"""Which categories share a grid: one for all, one each, or one each where there are enough regions."""

from dataclasses import dataclass

import pandas as pd

from hypercolumns.annotations.model import Category
from hypercolumns.errors import InputError
from hypercolumns.parameters import TrainParameters

SHARED = "shared"


@dataclass(frozen=True)
class Group:
    """Categories that share one grid, trained on the contiguous `rows` of the store."""

    name: str
    categories: tuple[int, ...]
    rows: slice


def category_groups(
    regions: pd.DataFrame, categories: tuple[Category, ...], settings: TrainParameters
) -> tuple[Group, ...]:
    """How the categories of a training store share grids.

    With `sharing: auto` a category of at least `sharing_minimum` regions has a grid of its own, all others use one
    that is trained on every region. A category without a region can only use a shared grid.

    Raises
    ------
    InputError
        With `sharing: per_category`, when a category has no training region.
    """
    counts = {c.id: int((regions["category"] == c.id).sum()) for c in categories}
    if settings.sharing == "per_category":
        missing = [c.name for c in categories if not counts[c.id]]
        if missing:
            raise InputError(
                f"train.sharing is 'per_category', but {', '.join(missing)} has no training region. Choose 'auto' or "
                "'shared', or leave the category out with dataset.categories."
            )
        own = list(categories)
    elif settings.sharing == "auto":
        own = [c for c in categories if counts[c.id] >= settings.sharing_minimum]
    else:
        own = []
    groups = [Group(c.name, (c.id,), _rows_of(regions, c.id)) for c in own]
    borrowing = tuple(c.id for c in categories if c not in own)
    if borrowing:
        groups.append(Group(SHARED, borrowing, slice(0, len(regions))))
    return tuple(groups)


def _rows_of(regions: pd.DataFrame, category: int) -> slice:
    column = regions["category"]
    return slice(int(column.searchsorted(category, "left")), int(column.searchsorted(category, "right")))
