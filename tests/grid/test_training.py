"""Training streams pixels over workers; neither the streaming nor the workers may change a classifier."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from distributed import Client

from hypercolumns.annotations.model import Category
from hypercolumns.cluster.connection import connect
from hypercolumns.errors import InputError
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid import training
from hypercolumns.grid.exact.maps import MapFiles
from hypercolumns.grid.fitting import fit_cell
from hypercolumns.grid.groups import category_groups
from hypercolumns.grid.model import GridModel
from hypercolumns.grid.problem import CellProblem
from hypercolumns.grid.scoring import heat_maps
from hypercolumns.grid.sgd.samples import SampleFiles
from hypercolumns.grid.solver import CellFit
from hypercolumns.grid.spec import GridSpec
from hypercolumns.grid.standardise import Moments, Standardisation
from hypercolumns.grid.training import train_grids
from hypercolumns.parameters import ComputeParameters, TrainParameters
from tests.grid.conftest import SAMPLED, SHAPES, LinearTask, make_store, sample

SCRATCH = Path(".scratch")
CATEGORIES = (Category(1, "cat"), Category(2, "dog"))
SETTINGS = SAMPLED
both_solvers = pytest.mark.parametrize("solver", ["sgd", "exact"])


@pytest.fixture(scope="module", params=[2])
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    with connect(ComputeParameters(workers=request.param)) as client:
        yield client


@pytest.fixture(scope="module")
def one_client() -> Iterator[Client]:
    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=":0") as client:
        yield client


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def fingerprint(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@both_solvers
@pytest.mark.parametrize("fusion", ["joint", "per_block"])
def test_a_linear_truth_is_recovered(store: FeatureStore, one_client: Client, fusion: str, solver: str) -> None:
    settings = SETTINGS.model_copy(update={"fusion": fusion, "solver": solver})
    task = LinearTask(store)
    (model,) = train_grids(store.path, task, [GridSpec(store.layers, 2)], settings, one_client, scratch=SCRATCH, seed=0)
    blocks = {layer: store.read(layer, slice(0, 90)) for layer in store.layers}
    said = heat_maps(model, 0, blocks)[:, 0] > 0.5
    truth = task.target_maps(store.regions, store.expanded_boxes, 20)[:, 0]
    right = (said == truth)[truth >= 0].mean()
    assert right > (0.93 if fusion == "joint" else 0.85)


@both_solvers
def test_the_number_of_workers_does_not_change_a_byte(
    store: FeatureStore, client: Client, one_client: Client, solver: str
) -> None:
    # One shared grid: two workers get half of its cells each, one worker all.
    specs = [GridSpec(store.layers, 3)]
    settings = SETTINGS.model_copy(update={"solver": solver})
    written = []
    for number, workers in enumerate([client, one_client]):
        models = train_grids(store.path, LinearTask(store), specs, settings, workers, scratch=SCRATCH, seed=3)
        for i, model in enumerate(models):
            model.save(Path(f"{number}/{i}.zarr"))
        written.append(fingerprint(Path(str(number))))
    assert written[0] == written[1]


@both_solvers
def test_an_interrupted_training_goes_on_and_gives_the_same_bytes(
    store: FeatureStore, one_client: Client, monkeypatch: pytest.MonkeyPatch, solver: str
) -> None:
    specs = [GridSpec(("coarse",), k) for k in (1, 2, 3)]
    settings = SETTINGS.model_copy(update={"solver": solver})

    def train() -> list[GridModel]:
        return train_grids(store.path, LinearTask(store), specs, settings, one_client, scratch=SCRATCH, seed=3)

    whole = train()
    kept, calls = training._keep, []

    def interrupted(fit: CellFit, path: Path) -> None:
        calls.append(path)
        if len(calls) == 3:
            raise KeyboardInterrupt
        kept(fit, path)

    monkeypatch.setattr(training, "_keep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train()
    calls.append(Path("so that the next run is not interrupted"))
    models = train()
    assert len(calls) == 3 + 1 + (1 + 4 + 9 - 2)  # two cells were done, one was lost
    for model, expected in zip(models, whole, strict=True):
        assert model.weights["coarse"].tobytes() == expected.weights["coarse"].tobytes()
    assert not list(Path(".scratch").iterdir())


def test_what_was_trained_on_one_store_does_not_serve_another(
    store: FeatureStore, tmp_path: Path, one_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupted training leaves its classifiers behind; other features under the same region table are others."""
    other = make_store(tmp_path / "other.zarr", 90, seed=0, shapes={**SHAPES, "vector": (4, 1, 1)}, scale=3.0)
    spec = GridSpec(("vector",), 2)

    def train(path: Path) -> GridModel:
        (model,) = train_grids(path, LinearTask(store), [spec], SETTINGS, one_client, scratch=SCRATCH, seed=0)
        return model

    expected = train(other.path)
    monkeypatch.setattr(training, "_assemble", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        train(store.path)
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert np.array_equal(train(other.path).weights["vector"], expected.weights["vector"])


def test_moments_of_parts_add_up_to_those_of_the_whole() -> None:
    values = np.random.default_rng(0).normal(3, 2, (50, 4, 6)).astype(np.float32)
    parts = Moments.of(values[:20]) + Moments.of(values[20:])
    np.testing.assert_allclose(parts.mean, values.reshape(-1, 6).astype(np.float64).mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(parts.deviation, values.reshape(-1, 6).astype(np.float64).std(axis=0), rtol=1e-6)


def test_categories_with_few_regions_borrow(store: FeatureStore) -> None:
    counts = store.regions["category"].value_counts()
    settings = TrainParameters(sharing="auto", sharing_minimum=int(counts[2]))
    own, shared = category_groups(store.regions, (*CATEGORIES[1:], Category(9, "emu")), settings)
    assert (own.name, own.categories, own.rows) == ("dog", (2,), slice(90 - counts[2], 90))
    assert (shared.name, shared.categories, shared.rows) == ("shared", (9,), slice(0, 90))


def test_a_category_without_regions_cannot_have_a_grid_of_its_own(store: FeatureStore) -> None:
    with pytest.raises(InputError, match="emu has no training region"):
        category_groups(store.regions, (*CATEGORIES, Category(9, "emu")), TrainParameters(sharing="per_category"))


def test_a_model_is_read_as_it_was_written(store: FeatureStore, one_client: Client) -> None:
    (model,) = train_grids(
        store.path, LinearTask(store), [GridSpec(("vector",), 2)], SETTINGS, one_client, scratch=SCRATCH, seed=0
    )
    model.save(Path("model.zarr"))
    read = GridModel.open(Path("model.zarr"))
    assert (read.spec, read.targets, read.groups, read.group_of_category) == (
        model.spec,
        model.targets,
        model.groups,
        model.group_of_category,
    )
    assert np.array_equal(read.weights["vector"], model.weights["vector"])
    assert np.array_equal(read.bias, model.bias)


@pytest.mark.parametrize("content", [None, "folder", "other"])
def test_what_is_no_model_is_refused(content: str | None, store: FeatureStore) -> None:
    path = Path("model.zarr")
    if content == "folder":
        path.mkdir()
    if content == "other":
        path.symlink_to(store.path)
    with pytest.raises(InputError, match=r"model\.zarr"):
        GridModel.open(path)


@pytest.mark.skipif(sys.platform != "linux", reason="lists what the process has open")
@both_solvers
def test_a_fit_keeps_no_file_open(store: FeatureStore, tmp_path: Path, solver: str) -> None:
    """Or what was laid out, as large as the store, would take its room on the disk for as long as a worker lives."""
    samples, moments = sample(store, tmp_path)
    files: MapFiles | SampleFiles = samples
    if solver == "exact":
        files = MapFiles(store.path, samples.targets, tmp_path, samples.shards, store.layers, 20)
        for shard in range(len(files.shards)):
            files.lay_out(shard)
    standardisation = Standardisation.fit(moments, store.layers)
    settings = SETTINGS.model_copy(update={"solver": solver})
    fit_cell(CellProblem(files, 2, 0, slice(0, 90), standardisation, 1, settings, 0, "cpu"))
    opened = [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()]
    assert not [path for path in opened if path.startswith(str(tmp_path))]


def test_a_worker_keeps_silent_only_when_what_it_reads_was_removed(store: FeatureStore, tmp_path: Path) -> None:
    samples, moments = sample(store, tmp_path)
    standardisation = Standardisation.fit(moments, store.layers)
    problem = CellProblem(samples, 2, 0, slice(0, 90), standardisation, 1, SETTINGS, 0, "cpu")
    samples.file(0).unlink()
    with pytest.raises(FileNotFoundError):
        training._fit(problem)
    shutil.rmtree(samples.folder)
    assert not training._fit(problem).weights.size
    assert not training._lay_out_shard(samples, 0)
