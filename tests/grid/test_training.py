"""Training streams pixels over workers; neither the streaming nor the workers may change a classifier."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client
from numpy.typing import NDArray
from sklearn.linear_model import SGDClassifier

from pipeline.annotations.model import Category
from pipeline.cluster import connect
from pipeline.errors import InputError
from pipeline.features.store import FeatureStore
from pipeline.grid import sgd, training
from pipeline.grid.cells import draw_locations
from pipeline.grid.fit import CellFit, CellProblem
from pipeline.grid.groups import category_groups
from pipeline.grid.maps import Maps
from pipeline.grid.model import GridModel
from pipeline.grid.sampling import Sampling, read_samples
from pipeline.grid.scoring import heat_maps
from pipeline.grid.sgd import SampledPixels
from pipeline.grid.solvers import fit_cell
from pipeline.grid.source import LABELS
from pipeline.grid.spec import GridSpec
from pipeline.grid.standardise import Moments, Standardisation
from pipeline.grid.targets import shard_slices, write_target_maps
from pipeline.grid.training import train_grids
from pipeline.parameters import ComputeParameters, TrainParameters
from tests.grid.conftest import SHAPES, LinearTask, make_store

CATEGORIES = (Category(1, "cat"), Category(2, "dog"))
SETTINGS = TrainParameters(
    solver="sgd", grid=2, heat_map=20, pixels_per_region=40, epochs=6, alpha=1e-5, sharing="shared"
)
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
    (model,) = train_grids(
        store.path, CATEGORIES, task, [GridSpec(store.layers, 2)], settings, seed=0, client=one_client
    )
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
        models = train_grids(store.path, CATEGORIES, LinearTask(store), specs, settings, seed=3, client=workers)
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
        return train_grids(store.path, CATEGORIES, LinearTask(store), specs, settings, seed=3, client=one_client)

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


def sample(store: FeatureStore, folder: Path, grid: int = 2, **changes: int) -> tuple[Sampling, dict[str, Moments]]:
    write_target_maps(folder / "targets.zarr", LinearTask(store), store, 20)
    settings = SETTINGS.model_copy(update=changes)
    (folder / "samples").mkdir()
    sampling = Sampling(
        store.path,
        folder / "targets.zarr",
        folder / "samples",
        tuple(shard_slices(store)),
        store.layers,
        heat_map=20,
        grid=grid,
        pixels_per_region=settings.pixels_per_region,
        seed=5,
    )
    parts = [sampling.lay_out(shard) for shard in shard_slices(store)]
    return sampling, {layer: parts[0][layer] + parts[1][layer] for layer in store.layers}


def read(sampling: Sampling, shard: slice, name: str, cell: int) -> NDArray[Any]:
    with sampling.open(shard) as file:
        return read_samples(file, name, cell, slice(0, sampling.pixels_per_cell))


def test_sampled_hypercolumns_and_targets_are_those_of_the_whole_heat_map(store: FeatureStore, tmp_path: Path) -> None:
    sampling, _ = sample(store, tmp_path)
    truth = LinearTask(store).target_maps(store.regions, store.expanded_boxes, 20)[:, 0]
    for shard in shard_slices(store):
        rows = np.arange(90)[shard]
        drawn = draw_locations(np.random.default_rng([5, 2, shard.start]), len(rows), 20, 2, 10)
        for layer in store.layers:
            columns = store.hypercolumns(rows, 20, [layer]).compute()
            for cell in range(4):
                y, x = drawn[:, cell] // 20, drawn[:, cell] % 20
                expected = columns[np.arange(len(rows))[:, None], y, x]
                found = np.broadcast_to(read(sampling, shard, layer, cell), expected.swapaxes(0, 1).shape)
                np.testing.assert_allclose(found, expected.swapaxes(0, 1), rtol=1e-3, atol=1e-3)
                labels = read(sampling, shard, LABELS, cell)[..., 0]
                assert np.array_equal(labels, truth[rows[:, None], y, x].T)


def test_fitting_equals_scikit_learn_on_materialised_hypercolumns(store: FeatureStore, tmp_path: Path) -> None:
    """K = 1: a plain logistic regression on the sampled pixels of the standardised hypercolumns."""
    sampling, moments = sample(store, tmp_path, grid=1)
    pixels = SampledPixels(sampling, slice(0, 90), Standardisation.fit(moments, store.layers))
    # A strong penalty means small steps: larger ones would blow rounding errors up.
    settings = SETTINGS.model_copy(update={"epochs": 2, "alpha": 1e-2})
    fit = pixels.fit(1, 0, settings, seed=5)

    x, y = [], []
    truth = LinearTask(store).target_maps(store.regions, store.expanded_boxes, 20)[:, 0]
    for shard in sampling.shards:
        rows = np.arange(90)[shard]
        drawn = draw_locations(np.random.default_rng([5, 1, shard.start]), len(rows), 20, 1, 40)[:, 0].T
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
    sampling, moments = sample(store, tmp_path)
    pixels = SampledPixels(sampling, slice(10, 80), Standardisation.fit(moments, store.layers))
    (everything,) = pixels.portions(2**40)
    whole, whole_targets = pixels.load(everything, 3)
    assert whole.shape == (70 * 10, 12)
    portions = pixels.portions(limit)
    assert len(portions) == (4 if limit > 1 else 2 * 10)  # of at most 3 of 10 pixels, where 3.3 fit
    parts = [pixels.load(portion, 3) for portion in portions]
    if limit > 1:
        assert all(len(portion.shards) == 2 for portion in portions)
    order = np.lexsort(whole.T)
    joined = np.concatenate([part[0] for part in parts])
    again = np.lexsort(joined.T)
    assert np.array_equal(joined[again], whole[order])
    assert np.array_equal(np.concatenate([part[1] for part in parts])[again], whole_targets[order])


def test_fitting_in_portions_is_one_pass_over_all_of_them_per_epoch(
    store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sampling, moments = sample(store, tmp_path)
    pixels = SampledPixels(sampling, slice(0, 90), Standardisation.fit(moments, store.layers))
    monkeypatch.setattr(sgd, "AT_ONCE", 90 * 10 * 12 * 4 // 5)
    settings = SETTINGS.model_copy(update={"epochs": 2})
    fit = pixels.fit(1, 3, settings, seed=4)
    plain = SGDClassifier(loss="log_loss", alpha=settings.alpha, average=True, random_state=np.random.RandomState(4))
    portions = pixels.portions(sgd.AT_ONCE)
    assert len(portions) == 5
    order = np.random.default_rng([4, 3])
    for _ in range(2):
        for number in order.permutation(5):
            columns, targets = pixels.load(portions[number], 3)
            known = targets[:, 0] >= 0
            plain.partial_fit(columns[known], targets[known, 0], classes=(0, 1))
    assert np.array_equal(fit.weights[0], plain.coef_[0])


@pytest.mark.parametrize(("value", "said"), [(1, 10.0), (0, -10.0), (-1, -10.0)])
def test_a_cell_whose_pixels_are_all_alike_always_says_the_same(
    store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: int, said: float
) -> None:
    everywhere = np.full((len(store), 1, 20, 20), value, np.int8)
    monkeypatch.setattr(LinearTask, "target_maps", lambda _self, regions, *_: everywhere[: len(regions)])
    sampling, moments = sample(store, tmp_path)
    pixels = SampledPixels(sampling, slice(0, 90), Standardisation.fit(moments, store.layers))
    fit = pixels.fit(1, 1, SETTINGS, seed=0)
    assert fit.bias.item() == said
    assert not fit.weights.any()


def test_folding_the_standardisation_does_not_change_a_logit(store: FeatureStore, tmp_path: Path) -> None:
    sampling, moments = sample(store, tmp_path)
    standardisation = Standardisation.fit(moments, store.layers).only("fine")
    pixels = SampledPixels(sampling, slice(0, 64), standardisation)
    weights, bias = np.random.default_rng(0).normal(size=(2, 3)), np.array([0.5, -2])
    folded, moved = standardisation.fold(weights, bias)
    (portion,) = pixels.portions(2**40)
    columns, _ = pixels.load(portion, 2)
    raw = read(sampling, slice(0, 64), "fine", 2).reshape(-1, 3).astype(np.float64)
    np.testing.assert_allclose(raw @ folded.T + moved, columns @ weights.T + bias, rtol=1e-4, atol=1e-5)


def test_standardised_pixels_have_unit_length_shared_equally_by_the_layers(store: FeatureStore, tmp_path: Path) -> None:
    sampling, moments = sample(store, tmp_path, pixels_per_region=400)
    pixels = SampledPixels(sampling, slice(0, 90), Standardisation.fit(moments, store.layers))
    (portion,) = pixels.portions(2**40)
    columns = np.concatenate([pixels.load(portion, cell)[0] for cell in range(4)]).astype(np.float64)
    for first, last in ((0, 3), (3, 8), (8, 12)):
        assert np.mean(np.sum(columns[:, first:last] ** 2, axis=1)) == pytest.approx(1 / 3, rel=0.01)


def test_what_was_trained_on_one_store_does_not_serve_another(
    store: FeatureStore, tmp_path: Path, one_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupted training leaves its classifiers behind; other features under the same region table are others."""
    other = make_store(tmp_path / "other.zarr", 90, seed=0, shapes={**SHAPES, "vector": (4, 1, 1)}, scale=3.0)
    spec = GridSpec(("vector",), 2)

    def train(path: Path) -> GridModel:
        (model,) = train_grids(path, CATEGORIES, LinearTask(store), [spec], SETTINGS, seed=0, client=one_client)
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
        store.path, CATEGORIES, LinearTask(store), [GridSpec(("vector",), 2)], SETTINGS, seed=0, client=one_client
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
    sampling, moments = sample(store, tmp_path)
    source: Maps | Sampling = sampling
    if solver == "exact":
        source = Maps(store.path, sampling.targets, tmp_path, sampling.shards, store.layers, 20)
        for shard in source.shards:
            source.lay_out(shard)
    standardisation = Standardisation.fit(moments, store.layers)
    settings = SETTINGS.model_copy(update={"solver": solver})
    fit_cell(CellProblem(source, 2, 0, slice(0, 90), standardisation, 1, settings, 0, "cpu"))
    opened = [os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()]
    assert not [path for path in opened if path.startswith(str(tmp_path))]


def test_a_worker_keeps_silent_only_when_what_it_reads_was_removed(store: FeatureStore, tmp_path: Path) -> None:
    sampling, moments = sample(store, tmp_path)
    standardisation = Standardisation.fit(moments, store.layers)
    problem = CellProblem(sampling, 2, 0, slice(0, 90), standardisation, 1, SETTINGS, 0, "cpu")
    sampling.file(sampling.shards[0]).unlink()
    with pytest.raises(FileNotFoundError):
        training._fit(problem)
    shutil.rmtree(sampling.folder)
    assert not training._fit(problem).weights.size
    assert not training._lay_out_shard(sampling, sampling.shards[0])
