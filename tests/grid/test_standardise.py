"""Moments add up, and standardisation is a change of variables that gives every layer the same share."""

from pathlib import Path

import numpy as np
import pytest

from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.sgd.solver import SgdSolver
from hypercolumns.grid.standardise import Moments, Standardisation, add_moments
from tests.grid.conftest import LinearTask, lay_out_samples, make_problem


def test_moments_of_parts_add_up() -> None:
    """The sum of the moments of two parts gives mean and deviation of all values."""
    values = np.random.default_rng(0).normal(3, 2, (50, 4, 6)).astype(np.float32)
    total = add_moments([{"layer": Moments.measure(part)} for part in (values[:20], values[20:])])["layer"]
    exact = values.reshape(-1, 6).astype(np.float64)
    np.testing.assert_allclose(total.mean, exact.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(total.deviation, exact.std(axis=0), rtol=1e-6)


def test_restricting_equals_fitting_one_layer() -> None:
    """A standardisation that is restricted to a layer is that of hypercolumns which consist of this layer."""
    rng = np.random.default_rng(0)
    moments = {name: Moments.measure(rng.normal(3, 2, (30, n)).astype(np.float32)) for name, n in (("a", 4), ("b", 2))}
    restricted, fitted = Standardisation.fit(moments, ["a", "b"]).restrict("b"), Standardisation.fit(moments, ["b"])
    np.testing.assert_allclose(restricted.scale["b"], fitted.scale["b"], rtol=1e-6)
    np.testing.assert_array_equal(restricted.shift["b"], fitted.shift["b"])
    assert restricted.channels == fitted.channels == 2


def test_unfolding_inverts_folding() -> None:
    """Classifiers of standardised values come back, apart from weights of constant channels."""
    rng = np.random.default_rng(0)
    values = rng.normal(3, 2, (30, 5)).astype(np.float32)
    values[:, 2] = 7
    standardisation = Standardisation.fit({"a": Moments.measure(values)}, ["a"])
    weights, bias = rng.normal(size=(2, 5)), rng.normal(size=2)
    weights[:, 2] = 0
    found = standardisation.unfold(*standardisation.fold(weights, bias))
    np.testing.assert_allclose(found[0], weights, rtol=1e-9)
    np.testing.assert_allclose(found[1], bias, rtol=1e-9)


def test_layers_share_unit_length_equally(store: FeatureStore, tmp_path: Path) -> None:
    """The mean squared length of standardised training pixels is one, a third of it in each of three layers."""
    files, moments = lay_out_samples(store, tmp_path, LinearTask(store), pixels_per_region=400)
    loaded = []
    for cell in range(4):
        solver = SgdSolver(make_problem(files, moments, cell=cell))
        (portion,) = solver.portions(2**40)
        loaded.append(solver.load(portion)[0])
    hypercolumns = np.concatenate(loaded).astype(np.float64)
    for first, last in ((0, 3), (3, 8), (8, 12)):
        assert np.mean(np.sum(hypercolumns[:, first:last] ** 2, axis=1)) == pytest.approx(1 / 3, rel=0.01)
