"""Training recovers a linear truth; neither workers nor interruptions nor a second run change a classifier."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client
from numpy.typing import NDArray

from hypercolumns.cluster.connection import connect
from hypercolumns.errors import InputError
from hypercolumns.features import writer
from hypercolumns.features.schema import REGIONS_PER_PART
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid import remote, training
from hypercolumns.grid.model import GridModel
from hypercolumns.grid.problem import CellFit, CellProblem
from hypercolumns.grid.scoring import heat_maps
from hypercolumns.grid.spec import GridSpec
from hypercolumns.grid.targets import IGNORE
from hypercolumns.grid.training import train_grids
from hypercolumns.parameters import ComputeParameters, TrainParameters
from hypercolumns.scratch.checked_files import load_arrays, save_arrays
from hypercolumns.stores import layout, writing
from tests.damages import DAMAGES
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

    def interrupting(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
        nonlocal interrupted
        if len(saved) + 1 == number and not interrupted:
            interrupted = True
            raise KeyboardInterrupt
        saved.append(path)
        save_arrays(path, arrays)

    monkeypatch.setattr(training, "save_arrays", interrupting)
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
    assert n_cats < REGIONS_PER_PART
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
    """The second call fits only the cells that the first did not save, and a third one none."""
    task, specs = LinearTask(store), [GridSpec(("coarse",), k) for k in (1, 2, 3)]

    def train() -> list[GridModel]:
        return train_grids(store.path, task, specs, settings_for(solver), one_worker, scratch=SCRATCH, seed=3)

    expected = train()
    shutil.rmtree(SCRATCH)
    saved = interrupt_at_cell(monkeypatch, 3)
    with pytest.raises(KeyboardInterrupt):
        train()
    assert len(saved) == 2
    models = train()
    assert len(saved) == len(set(saved)) == 1 + 4 + 9
    for model, uninterrupted in zip(models, expected, strict=True):
        assert model.weights["coarse"].tobytes() == uninterrupted.weights["coarse"].tobytes()
        assert model.bias.tobytes() == uninterrupted.bias.tobytes()
    train()
    assert len(saved) == 1 + 4 + 9
    assert not list(SCRATCH.rglob("*.safetensors"))  # as large as the store


def test_the_penalty_keeps_adapted_grids_near_the_shared_one(store: FeatureStore, one_worker: Client) -> None:
    """With a large penalty they are the shared grid; with a smaller one their own regions count."""
    task, spec = LinearTask(store), GridSpec(store.layers, 2)
    plain = settings_for("exact").model_copy(update={"tolerance": 1e-5})

    def train(**changes: Any) -> GridModel:
        (model,) = train_grids(store.path, task, [spec], plain.model_copy(update=changes), one_worker, scratch=SCRATCH)
        return model

    shared = train(sharing="shared")
    near, far = (train(sharing="adapted", adaptation=adaptation) for adaptation in (1e4, plain.alpha))
    assert near.groups == ("cat", "dog", "shared")
    assert near.group_of_category == {1: 0, 2: 1}
    for layer in store.layers:
        np.testing.assert_allclose(near.weights[layer][2], shared.weights[layer][0], rtol=1e-5)
        np.testing.assert_allclose(near.weights[layer][0], shared.weights[layer][0], rtol=1e-2, atol=1e-3)
        assert not np.allclose(far.weights[layer][0], shared.weights[layer][0], rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("cell", [3, 9])
def test_adapted_grids_do_not_depend_on_workers_or_interruptions(
    store: FeatureStore, one_worker: Client, two_workers: Client, monkeypatch: pytest.MonkeyPatch, cell: int
) -> None:
    """Cells of a category are fitted from the bytes of the shared ones, be these just fitted or kept."""
    task, specs = LinearTask(store), [GridSpec(("coarse",), 2), GridSpec(store.layers, 1)]
    settings = settings_for("exact").model_copy(update={"sharing": "adapted"})

    def train(client: Client) -> dict[str, bytes]:
        return saved_bytes(train_grids(store.path, task, specs, settings, client, scratch=SCRATCH), Path("saved"))

    expected = train(one_worker)
    shutil.rmtree(SCRATCH)
    assert train(two_workers) == expected
    shutil.rmtree(SCRATCH)
    saved = interrupt_at_cell(monkeypatch, cell)  # among the five shared cells, or after them
    with pytest.raises(KeyboardInterrupt):
        train(one_worker)
    assert train(two_workers) == expected
    assert len(saved) == len(set(saved)) == 3 * (4 + 1)


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


def emptied(fit: Path) -> None:
    """Leave nothing of a kept fit."""
    os.truncate(fit, 0)


def of_no_values(fit: Path) -> None:
    """Keep arrays without values, as a fit that was given up would be."""
    save_arrays(fit, {"weights": np.empty((0, 0)), "bias": np.empty(0)})


def of_another_shape(fit: Path) -> None:
    """Keep weights of a layer too few."""
    arrays = load_arrays(fit)
    assert arrays is not None
    save_arrays(fit, {**arrays, "weights": arrays["weights"][:, :-1]})


def without_bias(fit: Path) -> None:
    """Keep the weights alone."""
    arrays = load_arrays(fit)
    assert arrays is not None
    save_arrays(fit, {"weights": arrays["weights"]})


def not_finite(fit: Path) -> None:
    """Keep a weight that is NaN."""
    arrays = load_arrays(fit)
    assert arrays is not None
    arrays["weights"][0, 0] = np.nan
    save_arrays(fit, arrays)


@pytest.mark.parametrize("damage", [*DAMAGES, emptied, of_no_values, of_another_shape, without_bias, not_finite])
def test_a_kept_fit_that_cannot_be_right_is_fitted_again(
    store: FeatureStore, one_worker: Client, monkeypatch: pytest.MonkeyPatch, damage: Callable[[Path], None]
) -> None:
    """Only that one, and the model is that of an undisturbed run."""
    task, specs = LinearTask(store), [GridSpec(("coarse",), 2)]

    def train() -> list[GridModel]:
        return train_grids(store.path, task, specs, settings_for("exact"), one_worker, scratch=SCRATCH)

    expected = train()
    shutil.rmtree(SCRATCH)
    saved = interrupt_at_cell(monkeypatch, 4)
    with pytest.raises(KeyboardInterrupt):
        train()
    first = saved[0]
    damage(first)
    assert saved_bytes(train(), Path("again")) == saved_bytes(expected, Path("expected"))
    assert saved[3:].count(first) == 1
    assert len(saved) == 3 + 2


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@both_solvers
def test_features_that_are_not_finite_are_refused_by_name(
    tmp_path: Path, one_worker: Client, monkeypatch: pytest.MonkeyPatch, solver: str, value: float
) -> None:
    """Even a single value, at a place that may not be sampled; no parameter is blamed, and nothing is kept of it."""
    task = LinearTask(make_store(tmp_path / "sound.zarr", 90))
    blocks = {name: task.store.read(name, slice(0, 90)) for name in task.store.layers}
    blocks["coarse"][70, 0, -1, -1] = value
    store = tmp_path / "store.zarr"
    for module in (layout, writing):
        monkeypatch.setattr(module, "require_finite", lambda values: values)
    writer.write_store(store, task.store.regions, blocks)
    match = r"store\.zarr holds values that are NaN or infinite: part 1 of the array 'blocks/coarse' .* is 70\."
    specs = [GridSpec(task.store.layers, 2)]
    with pytest.raises(InputError, match=match) as error:
        train_grids(store, task, specs, settings_for(solver), one_worker, scratch=SCRATCH)
    assert "hypercolumns verify" in str(error.value)
    assert "alpha" not in str(error.value)
    assert not list(SCRATCH.rglob("*.npz"))


def test_an_adapted_cell_is_not_fitted_without_its_origin(
    store: FeatureStore, one_worker: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a kept shared cell disappears after the start, the run ends, and the next one fits it again."""
    settings = settings_for("exact").model_copy(update={"sharing": "adapted"})

    def train() -> list[GridModel]:
        return train_grids(
            store.path, LinearTask(store), [GridSpec(("coarse",), 1)], settings, one_worker, scratch=SCRATCH
        )

    expected = train()
    shutil.rmtree(SCRATCH)
    saved = interrupt_at_cell(monkeypatch, 2)
    with pytest.raises(KeyboardInterrupt):
        train()
    lay_out = training._lay_out

    def removing(*arguments: Any) -> Any:
        saved[0].unlink()
        return lay_out(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(training, "_lay_out", removing)
        with pytest.raises(InputError, match="was deleted or damaged"):
            train()
    assert saved_bytes(train(), Path("again")) == saved_bytes(expected, Path("expected"))


@both_solvers
def test_files_removed_during_a_training_end_it_with_a_word(
    store: FeatureStore, one_worker: Client, monkeypatch: pytest.MonkeyPatch, solver: str
) -> None:
    """A worker gives up its cell then; nothing is saved for it, and the next run works."""
    task, specs = LinearTask(store), [GridSpec(("coarse",), 2)]
    saved: list[Path] = []

    def removing(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
        saved.append(path)
        save_arrays(path, arrays)

    def train() -> list[GridModel]:
        return train_grids(store.path, task, specs, settings_for(solver), one_worker, scratch=SCRATCH)

    expected = train()
    shutil.rmtree(SCRATCH)
    monkeypatch.setattr(training, "save_arrays", removing)
    fit_cell = remote.fit_cell

    def fit_without_files(problem: CellProblem[Any], _shared: CellFit | None = None) -> CellFit | None:
        problem.files.remove()
        return fit_cell(problem)

    with monkeypatch.context() as patched:
        patched.setattr(remote, "fit_cell", fit_without_files)
        with pytest.raises(InputError, match=r"was deleted or damaged during the training\. Run the step again"):
            train()
    assert saved == []
    assert saved_bytes(train(), Path("again")) == saved_bytes(expected, Path("expected"))


def test_a_fit_that_diverges_is_refused_and_not_kept(
    store: FeatureStore, one_worker: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit = CellFit(np.full((1, 5), 1e39), np.zeros(1))
    monkeypatch.setattr(remote, "fit_cell", lambda *_: fit)
    with pytest.raises(InputError, match=r"cell \d of K = 2 for shared diverged"):
        train_grids(
            store.path, LinearTask(store), [GridSpec(("coarse",), 2)], SGD_SETTINGS, one_worker, scratch=SCRATCH
        )
    assert not list(SCRATCH.rglob("*.npz"))


RUN = """
import sys
from pathlib import Path
from hypercolumns.cluster.connection import connect
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.spec import GridSpec
from hypercolumns.grid.training import train_grids
from hypercolumns.parameters import ComputeParameters
from tests.grid.conftest import SGD_SETTINGS, LinearTask

if __name__ == "__main__":
    store, solver, out = FeatureStore.open(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    settings = SGD_SETTINGS.model_copy(update={"solver": solver})
    with connect(ComputeParameters(workers=1)) as client:
        specs = [GridSpec(("coarse", "vector"), 3)]
        (model,) = train_grids(store.path, LinearTask(store), specs, settings, client, scratch=Path(".scratch"))
    model.save(out)
"""


@both_solvers
def test_two_runs_started_together_give_the_same_right_model_and_the_next_run_works(
    store: FeatureStore, one_worker: Client, solver: str
) -> None:
    """The second process waits for the first, which neither loses its files nor finds those of the other."""
    task, specs, settings = LinearTask(store), [GridSpec(("coarse", "vector"), 3)], settings_for(solver)
    expected = train_grids(store.path, task, specs, settings, one_worker, scratch=Path("elsewhere"))
    Path("run.py").write_text(RUN)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    commands = [[sys.executable, "run.py", store.path, solver, f"run/{i}/0.zarr"] for i in range(2)]
    runs = [subprocess.Popen(c, env=environment, stderr=subprocess.PIPE) for c in commands]  # noqa: S603 - the above
    for run in runs:
        _, errors = run.communicate(timeout=300)
        assert run.returncode == 0, errors.decode()
    models = [[GridModel.open(f"run/{i}/0.zarr")] for i in range(2)]
    models.append(train_grids(store.path, task, specs, settings, one_worker, scratch=SCRATCH))
    want = saved_bytes(expected, Path("expected"))
    assert [saved_bytes(model, Path(f"model {i}")) == want for i, model in enumerate(models)] == [True] * 3
