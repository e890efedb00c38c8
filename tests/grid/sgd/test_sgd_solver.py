"""The stochastic solver is scikit-learn's SGD on hypercolumns at the sampled pixels, each used once per epoch."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import SGDClassifier

from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.sgd import solver as sgd
from hypercolumns.grid.sgd.samples import SampleFiles, draw_locations, read_samples
from hypercolumns.grid.sgd.solver import SgdSolver
from hypercolumns.grid.shard_files import LABELS
from hypercolumns.grid.targets import IGNORE, NEGATIVE, POSITIVE
from tests.grid.conftest import SAMPLE_SEED, SGD_SETTINGS, SIZE, ConstantTask, LinearTask, lay_out_samples, make_problem


def make_solver(store: FeatureStore, folder: Path, grid: int = 2, **others: Any) -> SgdSolver:
    """Make a solver on samples of all layers, labelled by the linear task."""
    files, moments = lay_out_samples(store, folder, LinearTask(store), grid)
    return SgdSolver(make_problem(files, moments, grid=grid, **others))


def read_all(files: SampleFiles, shard: int, name: str, cell: int) -> NDArray[Any]:
    """Read all pixels that were drawn in one cell."""
    with files.open(shard) as file:
        return read_samples(file, name, cell, slice(0, files.pixels_per_cell))


def test_samples_are_hypercolumns_and_labels_at_the_drawn_locations(store: FeatureStore, tmp_path: Path) -> None:
    """The files hold what full hypercolumns and target maps hold at these locations."""
    files, _ = lay_out_samples(store, tmp_path, LinearTask(store))
    maps = LinearTask(store).target_maps(store.regions, store.expanded_boxes, SIZE)[:, 0]
    for shard, shard_rows in enumerate(store.parts):
        rows = np.arange(90)[shard_rows]
        rng = np.random.default_rng([SAMPLE_SEED, 2, shard_rows.start])
        locations = draw_locations(rng, len(rows), SIZE, 2, 10)
        for layer in store.layers:
            hypercolumns = store.hypercolumns(rows, SIZE, [layer]).compute()
            for cell in range(4):
                y, x = np.divmod(locations[:, cell], SIZE)
                expected = hypercolumns[np.arange(len(rows))[:, None], y, x].swapaxes(0, 1)
                samples = np.broadcast_to(read_all(files, shard, layer, cell), expected.shape)
                np.testing.assert_allclose(samples, expected, rtol=1e-3, atol=1e-3)
                labels = read_all(files, shard, LABELS, cell)[..., 0]
                assert np.array_equal(labels, maps[rows[:, None], y, x].T)


def test_fit_equals_scikit_learn(store: FeatureStore, tmp_path: Path) -> None:
    """With K = 1, a fit equals `SGDClassifier` on hypercolumns that are computed and standardised here."""
    # A strong penalty means small steps; large steps would amplify rounding errors.
    settings = SGD_SETTINGS.model_copy(update={"epochs": 2, "alpha": 1e-2})
    fit = make_solver(store, tmp_path, grid=1, settings=settings, seed=5).fit()

    samples, sample_labels = [], []
    maps = LinearTask(store).target_maps(store.regions, store.expanded_boxes, SIZE)[:, 0]
    for shard_rows in store.parts:
        rows = np.arange(90)[shard_rows]
        rng = np.random.default_rng([SAMPLE_SEED, 1, shard_rows.start])
        y, x = np.divmod(draw_locations(rng, len(rows), SIZE, 1, 40)[:, 0].T, SIZE)
        columns = store.hypercolumns(rows, SIZE).compute()
        samples.append(columns[np.arange(len(rows)), y, x].reshape(-1, columns.shape[-1]))
        sample_labels.append(maps[rows, y, x].ravel())
    widths = [store.blocks[layer].shape[1] for layer in store.layers]
    hypercolumns, labels = np.concatenate(samples), np.concatenate(sample_labels)
    hypercolumns -= hypercolumns.mean(axis=0)
    hypercolumns /= hypercolumns.std(axis=0) * np.sqrt(np.repeat(widths, widths) * len(widths))
    plain = SGDClassifier(loss="log_loss", alpha=1e-2, average=True, random_state=np.random.RandomState(5))
    for _ in range(2):
        plain.partial_fit(hypercolumns[labels != IGNORE], labels[labels != IGNORE], classes=(0, 1))
    np.testing.assert_allclose(fit.weights[0], plain.coef_[0], rtol=0.02, atol=0.01)
    np.testing.assert_allclose(fit.bias[0], plain.intercept_[0], rtol=0.02, atol=0.01)


@pytest.mark.parametrize("limit", [70 * 10 * 12 * 4 // 3, 1])
def test_portions_hold_every_pixel_once(store: FeatureStore, tmp_path: Path, limit: int) -> None:
    """Portions that cut the pixels, or that also split the shards, together hold what a single portion holds."""
    solver = make_solver(store, tmp_path, cell=3, rows=slice(10, 80))
    (everything,) = solver.portions(2**40)
    expected, expected_labels = solver.load(everything)
    assert expected.shape == (70 * 10, 12)
    portions = solver.portions(limit)
    assert len(portions) == (4 if limit > 1 else 2 * 10)  # the larger limit fits 3.3 of 10 pixels, thus 3
    if limit > 1:
        assert all(len(portion.parts) == 2 for portion in portions)
    loaded = [solver.load(portion) for portion in portions]
    found = np.concatenate([hypercolumns for hypercolumns, _ in loaded])
    found_labels = np.concatenate([labels for _, labels in loaded])
    expected_order, found_order = np.lexsort(expected.T), np.lexsort(found.T)
    assert np.array_equal(found[found_order], expected[expected_order])
    assert np.array_equal(found_labels[found_order], expected_labels[expected_order])


def test_an_epoch_passes_over_all_portions_once(
    store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fit in portions equals `SGDClassifier.partial_fit` on each portion, in a random order per epoch."""
    settings = SGD_SETTINGS.model_copy(update={"epochs": 2})
    solver = make_solver(store, tmp_path, cell=3, settings=settings, seed=4)
    monkeypatch.setattr(sgd, "MAX_BYTES", 90 * 10 * 12 * 4 // 5)
    fit = solver.fit()
    plain = SGDClassifier(loss="log_loss", alpha=settings.alpha, average=True, random_state=np.random.RandomState(4))
    portions = solver.portions(sgd.MAX_BYTES)
    assert len(portions) == 5
    rng = np.random.default_rng([4, 3])
    for _ in range(2):
        for number in rng.permutation(5):
            hypercolumns, labels = solver.load(portions[number])
            known = labels[:, 0] != IGNORE
            plain.partial_fit(hypercolumns[known], labels[known, 0], classes=(0, 1))
    assert np.array_equal(fit.weights[0], plain.coef_[0])


@pytest.mark.parametrize(("label", "bias"), [(POSITIVE, 10.0), (NEGATIVE, -10.0), (IGNORE, -10.0)])
def test_labels_that_are_all_alike_give_a_constant_classifier(
    store: FeatureStore, tmp_path: Path, label: int, bias: float
) -> None:
    """Without both kinds of labels there is nothing to separate: weights are zero and the bias is saturated."""
    fit = SgdSolver(make_problem(*lay_out_samples(store, tmp_path, ConstantTask(store, label)), cell=1)).fit()
    assert fit.bias.item() == bias
    assert not fit.weights.any()


def test_folding_the_standardisation_does_not_change_a_logit(store: FeatureStore, tmp_path: Path) -> None:
    """Folded classifiers give raw samples the logits that the unfolded ones give standardised samples."""
    solver = make_solver(store, tmp_path, cell=2, rows=slice(0, 64)).restrict("fine")
    weights, bias = np.random.default_rng(0).normal(size=(2, 3)), np.array([0.5, -2])
    folded_weights, folded_bias = solver.problem.standardisation.fold(weights, bias)
    (portion,) = solver.portions(2**40)
    standardised, _ = solver.load(portion)
    raw = read_all(solver.problem.files, 0, "fine", 2).reshape(-1, 3).astype(np.float64)
    np.testing.assert_allclose(
        raw @ folded_weights.T + folded_bias, standardised @ weights.T + bias, rtol=1e-4, atol=1e-5
    )
