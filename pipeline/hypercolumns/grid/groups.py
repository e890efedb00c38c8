"""Groups of categories that share a grid: all in one, each alone, or alone where there are enough regions."""

import math
from collections.abc import Collection
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
    regions: pd.DataFrame,
    categories: tuple[Category, ...],
    settings: TrainParameters,
    unlabelled: Collection[int] = (),
) -> tuple[Group, ...]:
    """Group categories by the grid that answers for them.

    With `sharing: auto` a category with at least `sharing_minimum` regions, mirrored ones not counted, gets its own
    grid; all others use one that is trained on every region. A category without regions can only use a shared grid.
    With `sharing: adapted` all categories get their own, and the last group is the shared grid that they start from.
    Ours.

    Parameters
    ----------
    regions
        Region table of the training store, sorted by category.
    categories
        The categories that a model must answer for.
    settings
        `sharing` and `sharing_minimum` decide.
    unlabelled
        Ids of categories whose regions have no labels, such as masks. With `sharing: auto` or `adapted` they use the
        shared grid, since a grid to itself would answer the same everywhere.

    Raises
    ------
    InputError
        With `sharing: per_category`, when a category has no training region.
    """
    ids, column = [c.id for c in categories], regions["category"]
    rows = map(slice, column.searchsorted(ids, "left").tolist(), column.searchsorted(ids, "right").tolist())
    counts = column[regions["kind"] != "mirrored"].value_counts()
    alone = [Group(c.name, (c.id,), category_rows) for c, category_rows in zip(categories, rows, strict=True)]
    minima = {"per_category": 1, "adapted": 1, "auto": settings.sharing_minimum, "shared": math.inf}
    minimum = minima[settings.sharing]
    borrowing = unlabelled if settings.sharing in ("auto", "adapted") else ()
    separate = [
        group
        for group in alone
        if counts.get(group.categories[0], 0) >= minimum and group.categories[0] not in borrowing
    ]
    others = [group for group in alone if group not in separate]
    if others and settings.sharing == "per_category":
        raise InputError(
            "train.sharing is 'per_category', but these categories have no training region: "
            f"{', '.join(group.name for group in others)}. "
            "Choose 'auto', 'adapted' or 'shared', or leave them out with dataset.categories."
        )
    if others or settings.sharing == "adapted":
        sharing = tuple(category for group in others for category in group.categories)
        separate.append(Group(SHARED, sharing, slice(0, len(regions))))
    return tuple(separate)
