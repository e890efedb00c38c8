"""Groups of categories that share a grid: all in one, each alone, or alone where there are enough regions."""

from dataclasses import dataclass

import pandas as pd

from hypercolumns.annotations.model import Category
from hypercolumns.errors import InputError
from hypercolumns.parameters import TrainParameters

SHARED = "shared"
"""Name of the group that is trained on the regions of all categories."""


@dataclass(frozen=True)
class Group:
    """Categories that share one grid."""

    name: str
    categories: tuple[int, ...]
    """Category ids."""
    rows: slice
    """Rows of the store that train the grid."""


def category_groups(
    regions: pd.DataFrame, categories: tuple[Category, ...], settings: TrainParameters
) -> tuple[Group, ...]:
    """Group categories by the grid that answers for them.

    With `sharing: auto` a category with at least `sharing_minimum` regions gets its own grid; all others use one that
    is trained on every region. A category without regions can only use a shared grid. Ours.

    Parameters
    ----------
    regions
        Region table of the training store, sorted by category.
    categories
        The categories that a model must answer for.
    settings
        `sharing` and `sharing_minimum` decide.

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
                f"train.sharing is 'per_category', but these categories have no training region: {', '.join(missing)}. "
                "Choose 'auto' or 'shared', or leave them out with dataset.categories."
            )
        separate = list(categories)
    elif settings.sharing == "auto":
        separate = [c for c in categories if counts[c.id] >= settings.sharing_minimum]
    else:
        separate = []
    groups = [Group(c.name, (c.id,), _category_rows(regions, c.id)) for c in separate]
    sharing = tuple(c.id for c in categories if c not in separate)
    if sharing:
        groups.append(Group(SHARED, sharing, slice(0, len(regions))))
    return tuple(groups)


def _category_rows(regions: pd.DataFrame, category: int) -> slice:
    column = regions["category"]
    return slice(int(column.searchsorted(category, "left")), int(column.searchsorted(category, "right")))
