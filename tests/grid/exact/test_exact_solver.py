"""Fitting at map resolution must be plain logistic regression on every pixel's hypercolumn."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.cells import cell_bounds
from hypercolumns.grid.exact import solver as exact
from hypercolumns.grid.exact.maps import MapFiles
from hypercolumns.grid.exact.reader import CellReader
from hypercolumns.grid.exact.solver import ExactSolver
from hypercolumns.grid.fitting import fit_cell
from hypercolumns.grid.problem import CellProblem
from hypercolumns.grid.shard_files import ShardPart
from hypercolumns.grid.standardise import Standardisation
from hypercolumns.grid.targets import IGNORE, NEGATIVE, POSITIVE, Targets, write_target_maps
from hypercolumns.parameters import TrainParameters
from tests.grid.conftest import LinearTask, make_store

SIZE = 20
SETTINGS = TrainParameters(solver="exact", heat_map=SIZE, grid=2, alpha=1e-3, tolerance=1e-7)


class NoisyTask(LinearTask):
    """Labels turned at random, so that no classifier is sure; two targets that know different regions."""

    targets = ("first", "second")  # type: ignore[assignment]

    def target_maps(self, regions: pd.DataFrame, boxes: NDArray[np.float64], size: int) -> NDArray[np.int8]:
        maps = super().target_maps(regions, boxes, size)
        rng = np.random.default_rng([1, int(regions.index[0])])
        turned = np.where((rng.random(maps.shape) < 0.2) & (maps != IGNORE), 1 - maps, maps)
        both = np.concatenate([turned, turned], axis=1).astype(np.int8)
        both[regions.index.to_numpy() >= 64, 1] = IGNORE
        return both


def lay_out(store: FeatureStore, folder: Path, task: Targets, grid: int = 2) -> ExactSolver:
    write_target_maps(folder / "targets.zarr", task, store, SIZE)
    (folder / "maps").mkdir()
    files = MapFiles(store.path, folder / "targets.zarr", folder / "maps", store.shards, store.layers, SIZE)
    first, *others = [files.lay_out(shard) for shard in range(len(store.shards))]
    moments = {layer: sum((part[layer] for part in others), start=first[layer]) for layer in store.layers}
    standardisation = Standardisation.fit(moments, store.layers)
    return ExactSolver(files, grid, slice(0, len(store)), standardisation, torch.device("cpu"))


def spelled_out(
    solver: ExactSolver, store: FeatureStore, task: Targets, cell: int
) -> tuple[NDArray[np.float64], NDArray[np.int8]]:
    """Standardised hypercolumns (n, channel) of all pixels of a cell, and labels (n, target)."""
    bounds, (row, column) = cell_bounds(SIZE, solver.grid), divmod(cell, solver.grid)
    tall, wide = slice(bounds[row], bounds[row + 1]), slice(bounds[column], bounds[column + 1])
    columns = store.hypercolumns(solver.rows, SIZE).compute()[:, tall, wide].astype(np.float64)
    shift = np.concatenate(list(solver.standardisation.shift.values()))
    scale = np.concatenate(list(solver.standardisation.scale.values()))
    labels = [task.target_maps(store.regions[rows], store.expanded_boxes[rows], SIZE) for rows in solver.files.shards]
    of_cell = np.concatenate(labels)[solver.rows, :, tall, wide].transpose(0, 2, 3, 1)
    return ((columns - shift) * scale).reshape(-1, len(shift)), of_cell.reshape(-1, of_cell.shape[-1])


@pytest.mark.parametrize("rows", [slice(0, 90), slice(10, 80)])
@pytest.mark.parametrize("grid", [1, 2, 5])
def test_it_is_scikit_learns_logistic_regression_on_materialised_pixels(
    store: FeatureStore, tmp_path: Path, grid: int, rows: slice
) -> None:
    task = NoisyTask(store)
    solver = replace(lay_out(store, tmp_path, task, grid), rows=rows)
    cell = grid * grid - 1
    fit = solver.fit(2, cell, SETTINGS, seed=0)
    columns, labels = spelled_out(solver, store, task, cell)
    for target in range(2):
        known = labels[:, target] != IGNORE
        strength = 1 / (SETTINGS.alpha * known.sum())
        plain = LogisticRegression(C=strength, tol=1e-10, max_iter=10_000).fit(columns[known], labels[known, target])
        np.testing.assert_allclose(fit.weights[target], plain.coef_[0], rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(fit.bias[target], plain.intercept_[0], rtol=1e-4, atol=1e-4)


def test_maps_finer_than_the_heat_map_lose_nothing(tmp_path: Path) -> None:
    """What is kept of them is what the heat map's locations see."""
    store = make_store(tmp_path / "fine.zarr", 70, shapes={"fine": (3, 47, 31), "mixed": (2, 30, 5)})
    task = LinearTask(store)
    solver = lay_out(store, tmp_path, task)
    columns, _ = spelled_out(solver, store, task, 1)
    reader = CellReader(solver.files, 2, 1, solver.standardisation, torch.device("cpu"))
    data = reader.load(solver.parts, np.array([0] * 5))
    found = data.scores(torch.eye(5)).permute(2, 1, 0).reshape(-1, 5)  # the region first, as spelled out
    np.testing.assert_allclose(found, columns, atol=2e-3)  # float16 of values up to 8 times the scale


@pytest.mark.parametrize("grid", [1, 2, 10, 20])
def test_layers_that_are_read_side_by_side_are_those_of_hypercolumns(tmp_path: Path, grid: int) -> None:
    """Of the same size, finer and coarser than the pixels of a cell, in rows that begin and end within a shard."""
    shapes = {"a": (3, 18, 18), "b": (2, 18, 18), "c": (2, 19, 19), "g": (4, 4, 4), "h": (2, 4, 4), "v": (2, 1, 1)}
    store = make_store(tmp_path / "many.zarr", 70, shapes=shapes)
    task = LinearTask(store)
    solver = replace(lay_out(store, tmp_path, task, grid), rows=slice(5, 68))
    for cell in (0, grid * grid - 1):
        columns, _ = spelled_out(solver, store, task, cell)
        reader = CellReader(solver.files, grid, cell, solver.standardisation, torch.device("cpu"))
        data = reader.load(solver.parts, np.array([0] * 15))
        found = data.scores(torch.eye(15)).permute(2, 1, 0).reshape(-1, 15)  # the region first, as spelled out
        np.testing.assert_allclose(found, columns, atol=2e-3)


def test_streaming_in_portions_gives_the_same_classifiers(
    store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    solver = lay_out(store, tmp_path, NoisyTask(store))
    whole = solver.fit(2, 2, SETTINGS, seed=0)
    monkeypatch.setattr(exact, "MAX_BYTES", 1)
    reader = CellReader(solver.files, 2, 2, solver.standardisation, torch.device("cpu"))
    assert len(reader.divide(solver.parts, 1, exact.MAX_BYTES)) == 2
    parts = solver.fit(2, 2, SETTINGS, seed=0)
    np.testing.assert_allclose(parts.weights, whole.weights, rtol=1e-4, atol=1e-5)


def test_a_shard_is_read_for_the_targets_that_it_knows(store: FeatureStore, tmp_path: Path) -> None:
    solver = lay_out(store, tmp_path, NoisyTask(store))
    reader = CellReader(solver.files, 2, 0, solver.standardisation, torch.device("cpu"))
    portions = solver._portions(reader, np.array([0, 1]), np.array([[True, True], [True, False]]))
    assert [(tuple(portion.targets), list(portion.parts)) for portion in portions] == [
        ((0, 1), [ShardPart(0, slice(0, 64))]),
        ((0,), [ShardPart(1, slice(0, 26))]),
    ]


@pytest.mark.parametrize(("value", "said"), [(POSITIVE, 10.0), (NEGATIVE, -10.0), (IGNORE, -10.0)])
def test_a_cell_whose_pixels_are_all_alike_always_says_the_same(
    store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: int, said: float
) -> None:
    everywhere = np.full((len(store), 1, SIZE, SIZE), value, np.int8)
    monkeypatch.setattr(LinearTask, "target_maps", lambda _self, regions, *_: everywhere[: len(regions)])
    solver = lay_out(store, tmp_path, LinearTask(store))
    fit = solver.fit(1, 1, SETTINGS, seed=0)
    assert fit.bias.item() == said
    assert not fit.weights.any()


def test_logits_of_the_layers_add_up_to_those_of_hypercolumns(store: FeatureStore, tmp_path: Path) -> None:
    task = NoisyTask(store)
    solver = lay_out(store, tmp_path, task)
    weights = np.random.default_rng(0).normal(size=(2, 12))
    by_layer, labels = solver.layer_logits(3, weights)
    columns, expected = spelled_out(solver, store, task, 3)
    numbers = np.arange(len(columns)).reshape(90, -1)
    order = np.concatenate([numbers[own].T.ravel() for own in solver.files.shards])  # in each shard the pixel first
    assert by_layer.shape == (len(columns), 2, 3)
    np.testing.assert_allclose(by_layer.sum(axis=2), (columns @ weights.T)[order], atol=2e-3)
    assert np.array_equal(labels, expected[order])


def test_the_threads_of_a_worker_do_not_change_a_byte(tmp_path: Path) -> None:
    """Workers of a running scheduler may have any number; blocks large enough that torch would share the work out."""
    store = make_store(tmp_path / "wide.zarr", 256, shapes={"map": (64, 8, 8), "vector": (600, 1, 1)})
    solver = lay_out(store, tmp_path, NoisyTask(store), grid=1)
    settings = SETTINGS.model_copy(update={"tolerance": 1e-3})
    problem = CellProblem(solver.files, 1, 0, solver.rows, solver.standardisation, 2, settings, 0, "cpu")
    fits = []
    threads = torch.get_num_threads()
    try:
        for number in (1, 3):
            torch.set_num_threads(number)
            fits.append(fit_cell(problem))
            assert torch.get_num_threads() == number
    finally:
        torch.set_num_threads(threads)
    assert fits[0].weights.tobytes() == fits[1].weights.tobytes()


def test_an_optimum_out_of_reach_is_said(store: FeatureStore, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    solver = lay_out(store, tmp_path, NoisyTask(store))
    solver.fit(2, 1, SETTINGS.model_copy(update={"tolerance": 1e-12}), seed=0)
    assert "train.tolerance of 1e-12 was not reached in cell 1 of K = 2" in caplog.text
