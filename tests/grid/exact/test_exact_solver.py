"""Fitting at map resolution is plain logistic regression on the hypercolumn of every pixel."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.cells import cell_slices
from hypercolumns.grid.exact import solver as exact
from hypercolumns.grid.exact.cell_data import CellData
from hypercolumns.grid.exact.reader import CellReader
from hypercolumns.grid.exact.solver import ExactSolver
from hypercolumns.grid.problem import CellFit
from hypercolumns.grid.remote import fit_cell
from hypercolumns.grid.shard_files import ShardPart
from hypercolumns.grid.targets import IGNORE, NEGATIVE, POSITIVE, Targets
from hypercolumns.parameters import TrainParameters
from tests.grid.conftest import SIZE, ConstantTask, LinearTask, lay_out_maps, make_problem, make_store

SETTINGS = TrainParameters(solver="exact", heat_map=SIZE, grid=2, alpha=1e-3, tolerance=1e-7)


class NoisyTask(LinearTask):
    """Labels flipped at random, so that no classifier saturates; the second target lacks labels in the second shard."""

    targets = ("first", "second")  # type: ignore[assignment]

    def target_maps(self, regions: pd.DataFrame, boxes: NDArray[np.float64], size: int) -> NDArray[np.int8]:
        """See `Targets.target_maps`."""
        maps = super().target_maps(regions, boxes, size)
        rng = np.random.default_rng([1, int(regions.index[0])])
        flipped = np.where((rng.random(maps.shape) < 0.2) & (maps != IGNORE), 1 - maps, maps)
        both = np.concatenate([flipped, flipped], axis=1).astype(np.int8)
        both[regions.index.to_numpy() >= 64, 1] = IGNORE
        return both


def make_solver(store: FeatureStore, folder: Path, task: Targets, grid: int = 2, **others: Any) -> ExactSolver:
    """Make a solver on maps of all layers and regions, by default of the last cell."""
    fields = {"grid": grid, "cell": grid**2 - 1, "rows": slice(0, len(store)), "n_targets": len(task.targets)}
    return ExactSolver(make_problem(*lay_out_maps(store, folder, task), **{"settings": SETTINGS} | fields | others))


def plain_pixels(
    solver: ExactSolver, store: FeatureStore, task: Targets
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Standardised hypercolumns (n, channel) of all pixels of a cell and their labels (n, target), region by region."""
    problem = solver.problem
    y, x = cell_slices(SIZE, problem.grid, problem.cell)
    hypercolumns = store.hypercolumns(problem.rows, SIZE).compute()[:, y, x].astype(np.float64)
    shift = np.concatenate(list(problem.standardisation.shift.values()))
    scale = np.concatenate(list(problem.standardisation.scale.values()))
    maps = [task.target_maps(store.regions[rows], store.expanded_boxes[rows], SIZE) for rows in store.parts]
    labels = np.concatenate(maps)[problem.rows, :, y, x].transpose(0, 2, 3, 1)
    return ((hypercolumns - shift) * scale).reshape(-1, len(shift)), labels.reshape(-1, labels.shape[-1])


def read_hypercolumns(solver: ExactSolver) -> NDArray[np.float32]:
    """Hypercolumns (n, channel) as the solver sees them, region by region: scores with unit vectors as weights."""
    n_channels = solver.problem.standardisation.channels
    # One copy of the target per channel.
    data = CellReader(solver.problem).load(solver.problem.parts, np.zeros(n_channels, np.int64))
    scores: NDArray[np.float32] = data.scores(torch.eye(n_channels)).permute(2, 1, 0).reshape(-1, n_channels).numpy()
    return scores


@pytest.mark.parametrize("rows", [slice(0, 90), slice(10, 80)])
@pytest.mark.parametrize("grid", [1, 2, 5])
def test_fit_equals_scikit_learn(store: FeatureStore, tmp_path: Path, grid: int, rows: slice) -> None:
    """Weights and biases equal those of `LogisticRegression` on upsampled hypercolumns, for all or some regions."""
    task = NoisyTask(store)
    solver = make_solver(store, tmp_path, task, grid, rows=rows)
    fit = solver.fit()
    hypercolumns, labels = plain_pixels(solver, store, task)
    for target in range(2):
        known = labels[:, target] != IGNORE
        plain = LogisticRegression(C=1 / (SETTINGS.alpha * known.sum()), tol=1e-10, max_iter=10_000)
        plain.fit(hypercolumns[known], labels[known, target])
        np.testing.assert_allclose(fit.weights[target], plain.coef_[0], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(fit.bias[target], plain.intercept_[0], rtol=1e-4, atol=1e-4)


def test_an_adapted_fit_is_the_minimum_near_its_origin(store: FeatureStore, tmp_path: Path) -> None:
    """SciPy finds the same minimum of the mean log loss + penalty / 2 |weights - origin|^2, from another start."""
    task, rng = NoisyTask(store), np.random.default_rng(5)
    plain = make_solver(store, tmp_path, task, rows=slice(10, 80))
    width = plain.problem.standardisation.channels
    origin = CellFit(rng.normal(0, 0.5, (2, width)), rng.normal(size=2))
    settings = SETTINGS.model_copy(update={"sharing": "adapted", "adaptation": 3e-3})
    fit = ExactSolver(replace(plain.problem, origin=origin, settings=settings)).fit()
    penalty = settings.adaptation * len(store) / 70  # rows 10 to 80
    hypercolumns, labels = plain_pixels(plain, store, task)
    for target in range(2):
        known = labels[:, target] != IGNORE
        signs, values = 2.0 * labels[known, target] - 1, hypercolumns[known]

        def objective(
            point: NDArray[np.float64], signs: Any = signs, values: Any = values, target: int = target
        ) -> Any:
            moved = point[:-1] - origin.weights[target]
            margins = signs * (values @ point[:-1] + point[-1])
            by_score = -signs / (1 + np.exp(margins)) / len(signs)
            gradient = np.append(values.T @ by_score + penalty * moved, by_score.sum())
            return np.logaddexp(0, -margins).mean() + penalty / 2 * moved @ moved, gradient

        found = minimize(objective, np.zeros(width + 1), jac=True, options={"gtol": 1e-9})
        np.testing.assert_allclose(fit.weights[target], found.x[:-1], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(fit.bias[target], found.x[-1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("label", [POSITIVE, NEGATIVE, IGNORE])
def test_a_target_without_both_labels_stays_at_its_origin(store: FeatureStore, tmp_path: Path, label: int) -> None:
    plain = make_solver(store, tmp_path, ConstantTask(store, label))
    origin = CellFit(np.full((1, plain.problem.standardisation.channels), 0.3), np.array([0.7]))
    fit = ExactSolver(replace(plain.problem, origin=origin)).fit()
    assert fit.weights.tolist() == origin.weights.tolist()
    assert fit.bias.tolist() == [0.7]


def test_maps_finer_than_the_heat_map_lose_nothing(tmp_path: Path) -> None:
    """They are kept at the resolution of the heat map, whose locations see the same values."""
    store = make_store(tmp_path / "fine.zarr", 70, shapes={"fine": (3, 47, 31), "mixed": (2, 30, 5)})
    task = LinearTask(store)
    solver = make_solver(store, tmp_path, task, cell=1)
    expected, _ = plain_pixels(solver, store, task)
    np.testing.assert_allclose(read_hypercolumns(solver), expected, atol=2e-3)  # float16, values up to 8 deviations


@pytest.mark.parametrize("grid", [1, 2, 10, 20])
def test_stacked_layers_give_hypercolumns(tmp_path: Path, grid: int) -> None:
    """Layers of the same size, finer and coarser than the pixels of a cell, for regions that begin within a shard."""
    shapes = {"a": (3, 18, 18), "b": (2, 18, 18), "c": (2, 19, 19), "g": (4, 4, 4), "h": (2, 4, 4), "v": (2, 1, 1)}
    store = make_store(tmp_path / "many.zarr", 70, shapes=shapes)
    task = LinearTask(store)
    last = make_solver(store, tmp_path, task, grid, rows=slice(5, 68))
    for solver in (ExactSolver(replace(last.problem, cell=0)), last):
        expected, _ = plain_pixels(solver, store, task)
        np.testing.assert_allclose(read_hypercolumns(solver), expected, atol=2e-3)


def test_streaming_in_portions_gives_the_same_classifiers(
    store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cell that exceeds the memory limit is read part by part in every evaluation, with the same result."""
    solver = make_solver(store, tmp_path, NoisyTask(store), cell=2)
    in_memory = solver.fit()
    monkeypatch.setattr(exact, "MAX_BYTES", 1)
    assert len(CellReader(solver.problem).divide(solver.problem.parts, 1, exact.MAX_BYTES)) == 2
    streamed = solver.fit()
    np.testing.assert_allclose(streamed.weights, in_memory.weights, rtol=1e-4, atol=1e-5)


def test_a_shard_is_read_once_and_only_for_targets_with_labels(
    store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second target has no labels in the second shard, which is therefore read for the first target alone."""
    reads = []
    load = CellReader.load

    def recording(reader: CellReader, parts: Sequence[ShardPart], targets: NDArray[np.int64]) -> CellData:
        reads.append((list(parts), targets.tolist()))
        return load(reader, parts, targets)

    monkeypatch.setattr(CellReader, "load", recording)
    make_solver(store, tmp_path, NoisyTask(store), cell=0).fit()
    assert reads == [([ShardPart(0, slice(0, 64))], [0, 1]), ([ShardPart(1, slice(0, 26))], [0])]


@pytest.mark.parametrize(("label", "bias"), [(POSITIVE, 10.0), (NEGATIVE, -10.0), (IGNORE, -10.0)])
def test_labels_that_are_all_alike_give_a_constant_classifier(
    store: FeatureStore, tmp_path: Path, label: int, bias: float
) -> None:
    """Without both kinds of labels there is nothing to separate: weights are zero and the bias is saturated."""
    fit = make_solver(store, tmp_path, ConstantTask(store, label), cell=1).fit()
    assert fit.bias.item() == bias
    assert not fit.weights.any()


def test_layer_logits_add_up_to_those_of_hypercolumns(store: FeatureStore, tmp_path: Path) -> None:
    """The contributions of the layers sum to the logits of the joint classifiers, and come with their labels."""
    task = NoisyTask(store)
    solver = make_solver(store, tmp_path, task)
    weights = np.random.default_rng(0).normal(size=(2, 12))
    logits, labels = solver.layer_logits(weights)
    hypercolumns, expected_labels = plain_pixels(solver, store, task)
    by_region = np.arange(len(hypercolumns)).reshape(90, -1)
    shards = store.parts
    order = np.concatenate([by_region[rows].T.ravel() for rows in shards])  # pixel by pixel in each shard
    assert logits.shape == (len(hypercolumns), 2, 3)
    np.testing.assert_allclose(logits.sum(axis=2), (hypercolumns @ weights.T)[order], atol=2e-3)
    assert np.array_equal(labels, expected_labels[order])


def test_the_number_of_threads_does_not_change_a_byte(tmp_path: Path) -> None:
    """Workers of a running scheduler may have any number; the maps are large enough for torch to use several."""
    store = make_store(tmp_path / "wide.zarr", 256, shapes={"map": (64, 8, 8), "vector": (600, 1, 1)})
    settings = SETTINGS.model_copy(update={"tolerance": 1e-3})
    problem = make_solver(store, tmp_path, NoisyTask(store), grid=1, settings=settings).problem
    fits = []
    threads = torch.get_num_threads()
    try:
        for number in (1, 3):
            torch.set_num_threads(number)
            fit = fit_cell(problem)
            assert fit is not None
            fits.append(fit)
            assert torch.get_num_threads() == number
    finally:
        torch.set_num_threads(threads)
    assert fits[0].weights.tobytes() == fits[1].weights.tobytes()
    assert fits[0].bias.tobytes() == fits[1].bias.tobytes()


def test_a_tolerance_that_is_not_reached_is_logged(
    store: FeatureStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A warning names the parameter, the cell and the targets."""
    settings = SETTINGS.model_copy(update={"tolerance": 1e-12})
    make_solver(store, tmp_path, NoisyTask(store), cell=1, settings=settings).fit()
    assert "train.tolerance of 1e-12 was not reached in cell 1 of K = 2 for targets 0, 1" in caplog.text
