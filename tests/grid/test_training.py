"""Training recovers a linear truth; neither workers nor interruptions change a classifier."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from distributed import Client

from hypercolumns.cluster.connection import connect
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid import training
from hypercolumns.grid.model import GridModel
from hypercolumns.grid.scoring import heat_maps
from hypercolumns.grid.spec import GridSpec
from hypercolumns.grid.targets import IGNORE
from hypercolumns.grid.training import train_grids
from hypercolumns.parameters import ComputeParameters, TrainParameters
from hypercolumns.scratch.checked_files import atomic_write
from tests.grid.conftest import SGD_SETTINGS, SIZE, LinearTask, PartlyLabelledTask, make_store

SCRATCH = Path(".scratch")
both_solvers = pytest.mark.parametrize("solver", ["sgd", "exact"])


@pytest.fixture(scope="module")
def two_workers() -> Iterator[Client]:
    """A client of two worker processes."""
    with connect(ComputeParameters(workers=2)) as client:
        yield client


@pytest.fixture(scope="module")
def one_worker() -> Iterator[Client]:
    """A client of one worker in this process."""
    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=":0") as client:
        yield client


@pytest.fixture(autouse=True)
def _in_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def settings_for(solver: str, fusion: str = "joint") -> TrainParameters:
    """Give the settings of these tests for one of the solvers."""
    return SGD_SETTINGS.model_copy(update={"solver": solver, "fusion": fusion})


def saved_bytes(models: list[GridModel], folder: Path) -> dict[str, bytes]:
    """Save the models and read all files of the folder, by relative path."""
    for i, model in enumerate(models):
        model.save(folder / f"{i}.zarr")
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def interrupt_at_cell(monkeypatch: pytest.MonkeyPatch, number: int) -> list[Path]:
    """Interrupt the training once, when it is about to save its `number`-th cell; list the cells it saves."""
    saved: list[Path] = []
    interrupted = False

    def interrupting(path: Path) -> AbstractContextManager[BinaryIO]:
        nonlocal interrupted
        if len(saved) + 1 == number and not interrupted:
            interrupted = True
            raise KeyboardInterrupt
        saved.append(path)
        return atomic_write(path)

    monkeypatch.setattr(training, "atomic_write", interrupting)
    return saved


@both_solvers
@pytest.mark.parametrize("fusion", ["joint", "per_block"])
def test_a_linear_truth_is_recovered(store: FeatureStore, one_worker: Client, fusion: str, solver: str) -> None:
    """Heat maps exceed one half where the labels are positive, at nearly all locations."""
    settings, task = settings_for(solver, fusion), LinearTask(store)
    (model,) = train_grids(store.path, task, [GridSpec(store.layers, 2)], settings, one_worker, scratch=SCRATCH, seed=0)
    blocks = {layer: store.read(layer, slice(0, 90)) for layer in store.layers}
    predicted = heat_maps(model, 0, blocks)[:, 0] > 0.5
    labels = task.target_maps(store.regions, store.expanded_boxes, SIZE)[:, 0]
    accuracy = (predicted == labels)[labels != IGNORE].mean()
    assert accuracy > (0.93 if fusion == "joint" else 0.85)


@both_solvers
@pytest.mark.parametrize("fusion", ["joint", "per_block"])
def test_regions_without_labels_train_nothing(
    store: FeatureStore, one_worker: Client, fusion: str, solver: str
) -> None:
    """The second shard has no label, nor has its category: the first one alone teaches the truth of all regions.

    A grid of the second category alone has nothing to learn from, so that it answers no everywhere.
    """
    n_cats = int((store.regions["category"] == 1).sum())
    settings, labelled = settings_for(solver, fusion), PartlyLabelledTask(store, end=n_cats)
    alone = settings.model_copy(update={"sharing": "per_category"})
    assert n_cats < store.regions_per_shard
    shared, separate = (
        train_grids(store.path, labelled, [GridSpec(store.layers, 2)], chosen, one_worker, scratch=SCRATCH)[0]
        for chosen in (settings, alone)
    )
    blocks = {layer: store.read(layer, slice(0, 90)) for layer in store.layers}
    labels = LinearTask(store).target_maps(store.regions, store.expanded_boxes, SIZE)[:, 0]
    for model, group in ((shared, 0), (separate, 0)):
        predicted = heat_maps(model, group, blocks)[:, 0] > 0.5
        assert (predicted == labels)[labels != IGNORE].mean() > (0.93 if fusion == "joint" else 0.85)
    assert np.all(heat_maps(separate, 1, blocks) < 1e-3)


@both_solvers
def test_the_number_of_workers_does_not_change_a_byte(
    store: FeatureStore, two_workers: Client, one_worker: Client, solver: str
) -> None:
    """A single worker fits all cells of a grid, two workers half of them each; the saved models are equal."""
    task, specs = LinearTask(store), [GridSpec(store.layers, 3)]
    one, two = (
        saved_bytes(train_grids(store.path, task, specs, settings_for(solver), client, scratch=SCRATCH, seed=3), folder)
        for client, folder in ((one_worker, Path("one")), (two_workers, Path("two")))
    )
    assert one == two


@both_solvers
def test_an_interrupted_training_resumes_and_gives_the_same_bytes(
    store: FeatureStore, one_worker: Client, monkeypatch: pytest.MonkeyPatch, solver: str
) -> None:
    """The second call fits only the cells that the first did not save, and leaves nothing in the scratch folder."""
    task, specs = LinearTask(store), [GridSpec(("coarse",), k) for k in (1, 2, 3)]

    def train() -> list[GridModel]:
        return train_grids(store.path, task, specs, settings_for(solver), one_worker, scratch=SCRATCH, seed=3)

    expected = train()
    saved = interrupt_at_cell(monkeypatch, 3)
    with pytest.raises(KeyboardInterrupt):
        train()
    assert len(saved) == 2
    models = train()
    assert len(saved) == len(set(saved)) == 1 + 4 + 9
    for model, uninterrupted in zip(models, expected, strict=True):
        assert model.weights["coarse"].tobytes() == uninterrupted.weights["coarse"].tobytes()
        assert model.bias.tobytes() == uninterrupted.bias.tobytes()
    assert not list(SCRATCH.iterdir())


def test_cells_saved_for_one_store_do_not_serve_another(
    store: FeatureStore, tmp_path: Path, one_worker: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupted training leaves its cells behind; other features of the same regions are trained from scratch."""
    other = make_store(tmp_path / "other.zarr", 90, scale=3.0)

    def train(path: Path) -> GridModel:
        task, spec = LinearTask(store), GridSpec(("vector",), 2)
        (model,) = train_grids(path, task, [spec], SGD_SETTINGS, one_worker, scratch=SCRATCH, seed=0)
        return model

    expected = train(other.path)
    saved = interrupt_at_cell(monkeypatch, 4)
    with pytest.raises(KeyboardInterrupt):
        train(store.path)
    assert [path.exists() for path in saved] == [True] * 3
    assert np.array_equal(train(other.path).weights["vector"], expected.weights["vector"])
