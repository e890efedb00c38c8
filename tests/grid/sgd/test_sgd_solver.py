"""The stochastic solver sees the sampled pixels of hypercolumns, each once per epoch."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import SGDClassifier

from hypercolumns.annotations.model import Category
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.sgd import solver as sgd
from hypercolumns.grid.sgd.samples import SampleFiles, draw_locations, read_samples
from hypercolumns.grid.sgd.solver import SgdSolver
from hypercolumns.grid.shard_files import LABELS
from hypercolumns.grid.standardise import Standardisation
from tests.grid.conftest import SAMPLED, LinearTask, sample

SCRATCH = Path(".scratch")
CATEGORIES = (Category(1, "cat"), Category(2, "dog"))
SETTINGS = SAMPLED
both_solvers = pytest.mark.parametrize("solver", ["sgd", "exact"])


def read(samples: SampleFiles, shard: int, name: str, cell: int) -> NDArray[Any]:
    with samples.open(shard) as file:
        return read_samples(file, name, cell, slice(0, samples.pixels_per_cell))


def test_sampled_hypercolumns_and_targets_are_those_of_the_whole_heat_map(store: FeatureStore, tmp_path: Path) -> None:
    samples, _ = sample(store, tmp_path)
    truth = LinearTask(store).target_maps(store.regions, store.expanded_boxes, 20)[:, 0]
    for shard, held in enumerate(store.shards):
        rows = np.arange(90)[held]
        drawn = draw_locations(np.random.default_rng([5, 2, held.start]), len(rows), 20, 2, 10)
        for layer in store.layers:
            columns = store.hypercolumns(rows, 20, [layer]).compute()
            for cell in range(4):
                y, x = drawn[:, cell] // 20, drawn[:, cell] % 20
                expected = columns[np.arange(len(rows))[:, None], y, x]
                found = np.broadcast_to(read(samples, shard, layer, cell), expected.swapaxes(0, 1).shape)
                np.testing.assert_allclose(found, expected.swapaxes(0, 1), rtol=1e-3, atol=1e-3)
                labels = read(samples, shard, LABELS, cell)[..., 0]
                assert np.array_equal(labels, truth[rows[:, None], y, x].T)


def test_fitting_equals_scikit_learn_on_materialised_hypercolumns(store: FeatureStore, tmp_path: Path) -> None:
    """K = 1: a plain logistic regression on the sampled pixels of the standardised hypercolumns."""
    samples, moments = sample(store, tmp_path, grid=1)
    solver = SgdSolver(samples, slice(0, 90), Standardisation.fit(moments, store.layers))
    # A strong penalty means small steps: larger ones would blow rounding errors up.
    settings = SETTINGS.model_copy(update={"epochs": 2, "alpha": 1e-2})
    fit = solver.fit(1, 0, settings, seed=5)

    x, y = [], []
    truth = LinearTask(store).target_maps(store.regions, store.expanded_boxes, 20)[:, 0]
    for held in store.shards:
        rows = np.arange(90)[held]
        drawn = draw_locations(np.random.default_rng([5, 1, held.start]), len(rows), 20, 1, 40)[:, 0].T
        columns = store.hypercolumns(rows, 20).compute()
        x.append(columns[np.arange(len(rows)), drawn // 20, drawn % 20].reshape(-1, columns.shape[-1]))
        y.append(truth[rows, drawn // 20, drawn % 20].ravel())
    widths = [store.blocks[layer].shape[1] for layer in store.layers]
    hypercolumns, labels = np.concatenate(x), np.concatenate(y)
    hypercolumns -= hypercolumns.mean(axis=0)
    hypercolumns /= hypercolumns.std(axis=0) * np.sqrt(np.repeat(widths, widths) * len(widths))
    plain = SGDClassifier(loss="log_loss", alpha=1e-2, average=True, random_state=np.random.RandomState(5))
    for _ in range(2):
        plain.partial_fit(hypercolumns[labels >= 0], labels[labels >= 0], classes=(0, 1))
    np.testing.assert_allclose(fit.weights[0], plain.coef_[0], rtol=0.02, atol=0.01)
    np.testing.assert_allclose(fit.bias[0], plain.intercept_[0], rtol=0.02, atol=0.01)


@pytest.mark.parametrize("limit", [70 * 10 * 12 * 4 // 3, 1])
def test_portions_hold_every_pixel_once(store: FeatureStore, tmp_path: Path, limit: int) -> None:
    """Whether cut along the pixels or, at last, dealt out by shards."""
    samples, moments = sample(store, tmp_path)
    solver = SgdSolver(samples, slice(10, 80), Standardisation.fit(moments, store.layers))
    (everything,) = solver.portions(2**40)
    whole, whole_targets = solver.load(everything, 3)
    assert whole.shape == (70 * 10, 12)
    portions = solver.portions(limit)
    assert len(portions) == (4 if limit > 1 else 2 * 10)  # of at most 3 of 10 pixels, where 3.3 fit
    parts = [solver.load(portion, 3) for portion in portions]
    if limit > 1:
        assert all(len(portion.parts) == 2 for portion in portions)
    order = np.lexsort(whole.T)
    joined = np.concatenate([part[0] for part in parts])
    again = np.lexsort(joined.T)
    assert np.array_equal(joined[again], whole[order])
    assert np.array_equal(np.concatenate([part[1] for part in parts])[again], whole_targets[order])


def test_fitting_in_portions_is_one_pass_over_all_of_them_per_epoch(
    store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples, moments = sample(store, tmp_path)
    solver = SgdSolver(samples, slice(0, 90), Standardisation.fit(moments, store.layers))
    monkeypatch.setattr(sgd, "MAX_BYTES", 90 * 10 * 12 * 4 // 5)
    settings = SETTINGS.model_copy(update={"epochs": 2})
    fit = solver.fit(1, 3, settings, seed=4)
    plain = SGDClassifier(loss="log_loss", alpha=settings.alpha, average=True, random_state=np.random.RandomState(4))
    portions = solver.portions(sgd.MAX_BYTES)
    assert len(portions) == 5
    order = np.random.default_rng([4, 3])
    for _ in range(2):
        for number in order.permutation(5):
            columns, targets = solver.load(portions[number], 3)
            known = targets[:, 0] >= 0
            plain.partial_fit(columns[known], targets[known, 0], classes=(0, 1))
    assert np.array_equal(fit.weights[0], plain.coef_[0])


@pytest.mark.parametrize(("value", "said"), [(1, 10.0), (0, -10.0), (-1, -10.0)])
def test_a_cell_whose_pixels_are_all_alike_always_says_the_same(
    store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: int, said: float
) -> None:
    everywhere = np.full((len(store), 1, 20, 20), value, np.int8)
    monkeypatch.setattr(LinearTask, "target_maps", lambda _self, regions, *_: everywhere[: len(regions)])
    samples, moments = sample(store, tmp_path)
    solver = SgdSolver(samples, slice(0, 90), Standardisation.fit(moments, store.layers))
    fit = solver.fit(1, 1, SETTINGS, seed=0)
    assert fit.bias.item() == said
    assert not fit.weights.any()


def test_folding_the_standardisation_does_not_change_a_logit(store: FeatureStore, tmp_path: Path) -> None:
    samples, moments = sample(store, tmp_path)
    standardisation = Standardisation.fit(moments, store.layers).restrict("fine")
    solver = SgdSolver(samples, slice(0, 64), standardisation)
    weights, bias = np.random.default_rng(0).normal(size=(2, 3)), np.array([0.5, -2])
    folded, moved = standardisation.fold(weights, bias)
    (portion,) = solver.portions(2**40)
    columns, _ = solver.load(portion, 2)
    raw = read(samples, 0, "fine", 2).reshape(-1, 3).astype(np.float64)
    np.testing.assert_allclose(raw @ folded.T + moved, columns @ weights.T + bias, rtol=1e-4, atol=1e-5)


def test_standardised_pixels_have_unit_length_shared_equally_by_the_layers(store: FeatureStore, tmp_path: Path) -> None:
    samples, moments = sample(store, tmp_path, pixels_per_region=400)
    solver = SgdSolver(samples, slice(0, 90), Standardisation.fit(moments, store.layers))
    (portion,) = solver.portions(2**40)
    columns = np.concatenate([solver.load(portion, cell)[0] for cell in range(4)]).astype(np.float64)
    for first, last in ((0, 3), (3, 8), (8, 12)):
        assert np.mean(np.sum(columns[:, first:last] ** 2, axis=1)) == pytest.approx(1 / 3, rel=0.01)
