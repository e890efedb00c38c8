"""The colours of a layer are its principal components, on a scale that all rows of a store share."""

from pathlib import Path

import numpy as np

from hypercolumns import FeatureStore
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


def test_more_channels_than_cells_and_layers_that_do_not_vary() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(20, 500, 1, 1))
    few, many = PrincipalColours.fit(vectors), PrincipalColours.fit(np.repeat(vectors, 30, axis=2))
    np.testing.assert_allclose(few.axes, many.axes, atol=1e-3)
    assert PrincipalColours.fit(np.ones((5, 4, 2, 2))).paint(np.ones((4, 2, 2))).tolist() == [[[128] * 3] * 2] * 2
    single = PrincipalColours.fit(rng.normal(size=(9, 1, 3, 3))).paint(np.zeros((1, 3, 3)))
    assert (single[..., 1:] == 128).all()
    assert PrincipalColours.fit(np.empty((0, 4, 2, 2))).paint(np.ones((4, 2, 2))).shape == (2, 2, 3)
