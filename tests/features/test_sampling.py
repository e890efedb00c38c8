"""Looks at large stores read a sample of bounded size, the same in every call."""

from pathlib import Path

import numpy as np
import pytest

from hypercolumns import FeatureStore
from hypercolumns.features import writer
from hypercolumns.features.sampling import layer_statistics, read_sample, sample_rows
from tests.features.test_store import region_table


@pytest.mark.parametrize(("n", "most"), [(1, 1), (6, 100), (150, 40), (150, 149), (8001, 192), (1_000_000, 192)])
def test_a_sample_is_bounded_spread_and_without_repetitions(n: int, most: int) -> None:
    rows = np.concatenate([np.arange(n)[chunk] for chunk in sample_rows(n, most)])
    assert len(set(rows.tolist())) == len(rows) <= max(most, 4)
    assert len(rows) == n or len(rows) > most - 8
    gaps = np.diff(np.unique(rows // 4), prepend=-1, append=-(-n // 4))
    assert gaps.max() <= 2 * max(gaps.min(), 1)


def test_statistics_of_layers(tmp_path: Path) -> None:
    """Zeros, extremes and channels that never vary, in all rows and in a part of them."""
    values = np.random.default_rng(0).normal(size=(40, 5, 3, 2)).astype(np.float16)
    values[:, 1], values[:, 3] = 0, 2
    values[:, 4] = np.where(np.arange(40)[:, None, None] < 36, 0, 9)
    writer.write_store(tmp_path / "s.zarr", region_table(40, np.random.default_rng(1)), {"a": values})
    store = FeatureStore.open(tmp_path / "s.zarr")
    everything = layer_statistics(store, sample_rows(40, 40))["a"]
    assert everything.dead == 2
    assert everything.zeros == pytest.approx((values == 0).mean())
    assert (everything.lowest, everything.highest) == (values.min(), 9)
    some = sample_rows(40, 8)
    np.testing.assert_array_equal(read_sample(store, "a", some), np.concatenate([values[chunk] for chunk in some]))
    assert layer_statistics(store, some)["a"].dead == 3
