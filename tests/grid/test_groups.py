"""Categories with enough regions get their own grid; the others share one."""

import pytest

from hypercolumns.annotations.model import Category
from hypercolumns.errors import InputError
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.groups import category_groups
from hypercolumns.parameters import TrainParameters

CAT, DOG, EMU = Category(1, "cat"), Category(2, "dog"), Category(9, "emu")


def test_categories_with_few_regions_share_a_grid(store: FeatureStore) -> None:
    """With `sharing: auto`, a category without regions uses the grid that is trained on all of them."""
    counts = store.regions["category"].value_counts()
    settings = TrainParameters(sharing="auto", sharing_minimum=int(counts[2]))
    separate, shared = category_groups(store.regions, (DOG, EMU), settings)
    assert (separate.name, separate.categories, separate.rows) == ("dog", (2,), slice(90 - counts[2], 90))
    assert (shared.name, shared.categories, shared.rows) == ("shared", (9,), slice(0, 90))


def test_a_category_without_labels_borrows_the_shared_grid(store: FeatureStore) -> None:
    """With `sharing: auto`, many regions do not help a category that none of them has a label for."""
    settings = TrainParameters(sharing="auto", sharing_minimum=1)
    assert [group.name for group in category_groups(store.regions, (CAT, DOG), settings)] == ["cat", "dog"]
    separate, shared = category_groups(store.regions, (CAT, DOG), settings, unlabelled=[1])
    assert (separate.name, shared.name, shared.categories) == ("dog", "shared", (1,))
    alone = settings.model_copy(update={"sharing": "per_category"})
    assert [group.name for group in category_groups(store.regions, (CAT, DOG), alone, [1])] == ["cat", "dog"]


def test_adapted_categories_come_before_the_shared_grid(store: FeatureStore) -> None:
    """With `sharing: adapted`, every category with labelled regions has a grid, and the shared one is always there."""
    settings = TrainParameters(sharing="adapted")
    groups = category_groups(store.regions, (CAT, DOG), settings)
    assert [(group.name, group.categories) for group in groups] == [("cat", (1,)), ("dog", (2,)), ("shared", ())]
    groups = category_groups(store.regions, (CAT, DOG, EMU), settings, unlabelled=[1])
    assert [(group.name, group.categories) for group in groups] == [("dog", (2,)), ("shared", (1, 9))]


def test_per_category_needs_regions_of_every_category(store: FeatureStore) -> None:
    """With `sharing: per_category`, a category without regions is an error that names it."""
    with pytest.raises(InputError, match="these categories have no training region: emu"):
        category_groups(store.regions, (CAT, DOG, EMU), TrainParameters(sharing="per_category"))
