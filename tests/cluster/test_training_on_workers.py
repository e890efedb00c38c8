"""Workers that share an object store alone with the client train the model of one process, and leave nothing there."""

import pickle
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from distributed import Client
from numpy.typing import NDArray

from hypercolumns.cluster.connection import connect
from hypercolumns.errors import InputError
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid import training
from hypercolumns.grid.exact.maps import MapFiles
from hypercolumns.grid.model import GridModel
from hypercolumns.grid.shard_files import ShardFiles
from hypercolumns.grid.spec import GridSpec
from hypercolumns.grid.training import train_grids
from hypercolumns.parameters import ComputeParameters
from hypercolumns.places.bucket import PlaceError
from hypercolumns.places.place import Place, place_at
from hypercolumns.scratch.checked_files import save_arrays
from hypercolumns.scratch.shared import SCRATCH
from hypercolumns.stores.references import move_to_object_store
from tests.cluster.processes import cluster
from tests.grid.conftest import SGD_SETTINGS, LinearTask, make_store
from tests.object_store.server import S3Server

GRIDS = (1, 2)


@pytest.fixture(scope="module")
def workers(s3: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of two workers that run elsewhere."""
    folder = tmp_path_factory.mktemp("cluster") / "elsewhere"
    with cluster(folder, 2, s3.environment) as address, connect(ComputeParameters(scheduler=address)) as client:
        yield client


@pytest.fixture
def storage(bucket: S3Server) -> str:
    return f"{bucket.url}/runs"


@pytest.fixture
def store(tmp_path: Path, storage: str) -> FeatureStore:
    """A store of 90 regions in two shards, whose files lie in the object store."""
    make_store(tmp_path / "store.zarr", 90)
    move_to_object_store(tmp_path / "store.zarr", storage, "features")
    return FeatureStore.open(tmp_path / "store.zarr")


def trained(
    store: FeatureStore, scratch: Path, client: Client, solver: str = "exact", storage: str | None = None
) -> dict[str, bytes]:
    """Train a grid for each of `GRIDS`, and read the bytes of the models."""
    specs = [GridSpec(("coarse", "vector"), grid) for grid in GRIDS]
    settings = SGD_SETTINGS.model_copy(update={"solver": solver})
    models: list[GridModel] = train_grids(
        store.path, LinearTask(store), specs, settings, client, scratch=scratch, storage=storage
    )
    folder = scratch / "models"
    for grid, model in zip(GRIDS, models, strict=True):
        model.save(folder / f"{grid}.zarr")
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def trained_here(store: FeatureStore, scratch: Path, solver: str = "exact") -> dict[str, bytes]:
    """The same through files, by one worker in this process."""
    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=":0") as client:
        return trained(store, scratch, client, solver)


def killing(*_: object) -> None:
    """End the run."""
    raise SystemExit


def shared(storage: str) -> Place:
    return place_at(storage).below(SCRATCH)


@pytest.mark.parametrize("solver", ["exact", "sgd"])
def test_workers_that_share_an_object_store_alone(
    store: FeatureStore, storage: str, workers: Client, solver: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No folder of the client appears in what it sends, and each file of the training was in the object store."""
    lay_out, found = training._lay_out, []

    def checking(files: Any, client: Client) -> Any:
        moments = lay_out(files, client)
        assert str(tmp_path).encode() not in pickle.dumps(files)
        found.extend(name for name in shared(storage).sizes() if name.endswith(".safetensors"))
        return moments

    monkeypatch.setattr(training, "_lay_out", checking)
    expected = trained_here(store, tmp_path / "scratch-one", solver)
    assert not found
    assert trained(store, tmp_path / "scratch-two", workers, solver, storage) == expected
    assert len(found) == (1 if solver == "exact" else len(GRIDS))
    assert shared(storage).sizes() == {}
    assert place_at(storage).below("features").sizes()


def test_an_interrupted_training_leaves_nothing_and_resumes(
    store: FeatureStore, storage: str, workers: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = trained_here(store, tmp_path / "scratch-one")
    saved: list[Path] = []

    def interrupting(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
        if len(saved) == 2:
            saved.append(path)
            raise KeyboardInterrupt
        saved.append(path)
        save_arrays(path, arrays)

    monkeypatch.setattr(training, "save_arrays", interrupting)
    with pytest.raises(KeyboardInterrupt):
        trained(store, tmp_path / "scratch-two", workers, storage=storage)
    assert shared(storage).sizes() == {}
    assert trained(store, tmp_path / "scratch-two", workers, storage=storage) == expected
    assert len(saved) == 1 + sum(grid**2 for grid in GRIDS)


def test_the_next_run_deletes_the_files_of_a_killed_one(
    store: FeatureStore, storage: str, workers: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the same training alone: another project may be training as well."""
    stranger = shared(storage).below("train/another")
    stranger.write("maps/0.safetensors", b"")
    with monkeypatch.context() as patched:
        patched.setattr(ShardFiles, "remove", lambda _: None)
        patched.setattr(training, "save_arrays", killing)
        with pytest.raises(SystemExit):
            trained(store, tmp_path / "scratch", workers, storage=storage)
    assert len(shared(storage).sizes()) > 2
    trained(store, tmp_path / "scratch", workers, storage=storage)
    assert list(shared(storage).sizes()) == ["train/another/maps/0.safetensors"]


@pytest.mark.parametrize(("damage", "match"), [(slice(0, -1), "it has .* bytes instead of"), (slice(0), "its header")])
def test_a_truncated_object_ends_the_training(
    store: FeatureStore,
    storage: str,
    workers: Client,
    damage: slice,
    match: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lay_out = training._lay_out

    def damaging(files: MapFiles, client: Client) -> Any:
        moments = lay_out(files, client)
        files.place.write(files.name(0), files.place.read(files.name(0))[damage])
        return moments

    monkeypatch.setattr(training, "_lay_out", damaging)
    with pytest.raises(InputError, match=rf"^{storage}/scratch/.*/0\.safetensors is damaged: {match}"):
        trained(store, tmp_path / "scratch", workers, storage=storage)
    assert shared(storage).sizes() == {}


def test_files_that_cannot_be_deleted_do_not_hide_the_error(
    store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refusing(_: ShardFiles) -> None:
        raise PlaceError("s3://bucket/runs", "the object store refuses access")

    monkeypatch.setattr(ShardFiles, "remove", refusing)
    monkeypatch.setattr(training, "save_arrays", killing)
    with pytest.raises(SystemExit):
        trained_here(store, tmp_path / "scratch")
    assert "s3://bucket/runs: the object store refuses access" in caplog.text
