"""The colours of a layer are its principal components, on a scale that all rows of a store share."""

from pathlib import Path

import numpy as np
import pytest

from hypercolumns import FeatureStore, InputError
from hypercolumns.exploring.principal_colours import PrincipalColours
from hypercolumns.features import writer
from tests.features.test_store import region_table


def test_colours_follow_the_directions_of_the_largest_variance() -> None:
    """Three independent signals of falling strength, mixed into seven channels, come back as red, green and blue."""
    rng = np.random.default_rng(0)
    signals = rng.uniform(-1, 1, (30, 3, 6, 5)) * np.array([9, 4, 2])[:, None, None]
    mixing, _ = np.linalg.qr(rng.normal(size=(7, 3)))
    blocks = np.einsum("cs,nsyx->ncyx", mixing, signals) + 5
    colours = PrincipalColours.fit(blocks)
    painted = np.stack([colours.paint(block) for block in blocks]).reshape(-1, 3)
    for component in range(3):
        flat = signals[:, component].ravel()
        assert abs(np.corrcoef(painted[:, component], flat)[0, 1]) > 0.98
        assert painted[:, component].min() == 0
        assert painted[:, component].max() == 255


def test_the_colours_of_a_cell_depend_on_its_values_alone(tmp_path: Path) -> None:
    """Whatever row they are in: the scale is that of the store."""
    blocks = np.random.default_rng(0).normal(size=(60, 6, 4, 4)).astype(np.float16)
    blocks[50] = blocks[7, :, ::-1]
    writer.write_store(tmp_path / "s.zarr", region_table(60, np.random.default_rng(1)), {"a": blocks})
    store = FeatureStore.open(tmp_path / "s.zarr")
    first, again = PrincipalColours.of_store(store, "a"), PrincipalColours.of_store(store, "a")
    np.testing.assert_array_equal(first.paint(blocks[7])[::-1], again.paint(blocks[50]))


def test_cells_are_drawn_from_all_columns_of_large_maps() -> None:
    """A layer that varies along x alone: its scale is that of the whole map."""
    blocks = np.broadcast_to(np.linspace(0, 1, 64), (192, 1, 64, 64)).astype(np.float16)
    painted = PrincipalColours.fit(blocks).paint(blocks[0])[0, :, 0].astype(int)
    assert painted.min() == 0
    assert painted.max() == 255
    assert len(set(painted.tolist())) > 55


def test_axes_are_the_same_with_more_channels_than_cells_and_with_fewer() -> None:
    vectors = np.random.default_rng(0).normal(size=(20, 500, 1, 1))
    few, many = PrincipalColours.fit(vectors), PrincipalColours.fit(np.repeat(vectors, 30, axis=2))
    np.testing.assert_allclose(few.axes, many.axes, atol=1e-3)


@pytest.mark.parametrize("value", [1, 1.3, 300])
def test_a_layer_that_does_not_vary_is_grey(value: float) -> None:
    colours = PrincipalColours.fit(np.full((5, 4, 2, 2), value, np.float16))
    assert colours.paint(np.full((4, 2, 2), value, np.float16)).tolist() == [[[128] * 3] * 2] * 2


def test_a_layer_of_one_direction_has_no_green_and_blue() -> None:
    """Rounding of half precision is no second direction."""
    rng = np.random.default_rng(0)
    single = PrincipalColours.fit(rng.normal(size=(9, 1, 3, 3))).paint(np.zeros((1, 3, 3)))
    assert (single[..., 1:] == 128).all()
    direction = rng.integers(1, 5, (6, 1, 1))  # products with small numbers are exact
    blocks = direction * rng.integers(-9, 9, (40, 1, 8, 8))
    assert (PrincipalColours.fit(blocks.astype(np.float16)).paint(blocks[0])[..., 1:] == 128).all()


def test_values_that_are_not_finite_are_grey_and_change_no_other() -> None:
    blocks = np.random.default_rng(0).normal(size=(20, 3, 4, 4)).astype(np.float16)
    spoilt = np.concatenate([blocks, np.full((1, 3, 4, 4), np.nan, np.float16)])
    block = blocks[0].copy()
    block[:, 1, 2] = np.nan, np.inf, 0
    painted = PrincipalColours.fit(spoilt).paint(block)
    assert painted[1, 2].tolist() == [128] * 3
    expected = PrincipalColours.fit(blocks).paint(blocks[0])
    expected[1, 2] = 128
    np.testing.assert_array_equal(painted, expected)


def test_an_empty_store_has_grey_colours() -> None:
    assert (PrincipalColours.fit(np.empty((0, 4, 2, 2))).paint(np.ones((4, 2, 2))) == 128).all()


def test_a_layer_that_is_not_there_is_named(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    writer.write_store(tmp_path / "s.zarr", region_table(3, rng), {"a": np.zeros((3, 2, 2, 2), np.float16)})
    with pytest.raises(InputError, match="has no layer 'b'; it has a"):
        PrincipalColours.of_store(FeatureStore.open(tmp_path / "s.zarr"), "b")
