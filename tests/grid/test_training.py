"""Training streams pixels over workers; neither the streaming nor the workers may change a classifier."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from distributed import Client
from sklearn.linear_model import SGDClassifier

from pipeline.annotations.model import Category
from pipeline.cluster import connect
from pipeline.errors import InputError
from pipeline.features.store import FeatureStore
from pipeline.grid import training
from pipeline.grid.cells import draw_locations
from pipeline.grid.fitting import CellFit, TrainingPixels, fit_cells
from pipeline.grid.groups import category_groups
from pipeline.grid.model import GridModel, GridSpec
from pipeline.grid.scoring import heat_maps
from pipeline.grid.standardise import Moments, Standardisation
from pipeline.grid.targets import write_target_maps
from pipeline.grid.training import train_grids
from pipeline.parameters import ComputeParameters, TrainParameters
from tests.grid.conftest import LinearTask

CATEGORIES = (Category(1, "cat"), Category(2, "dog"))
SETTINGS = TrainParameters(grid=2, heat_map=20, pixels_per_region=40, epochs=6, alpha=1e-5, sharing="shared")


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


@pytest.mark.parametrize("fusion", ["joint", "per_block"])
def test_a_linear_truth_is_recovered(store: FeatureStore, one_client: Client, fusion: str) -> None:
    settings = SETTINGS.model_copy(update={"fusion": fusion})
    task = LinearTask(store)
    (model,) = train_grids(
        store.path, CATEGORIES, task, [GridSpec(store.layers, 2)], settings, seed=0, client=one_client
    )
    blocks = {layer: store.read(layer, slice(0, 90)) for layer in store.layers}
    said = heat_maps(model, 0, blocks)[:, 0] > 0.5
    truth = task.target_maps(store.regions, store.expanded_boxes, 20)[:, 0]
    right = (said == truth)[truth >= 0].mean()
    assert right > (0.93 if fusion == "joint" else 0.85)


def test_the_number_of_workers_does_not_change_a_byte(store: FeatureStore, client: Client, one_client: Client) -> None:
    specs = [GridSpec(store.layers, 3), GridSpec(("coarse",), 2)]
    settings = SETTINGS.model_copy(update={"sharing": "per_category"})
    written = []
    for number, workers in enumerate([client, one_client]):
        models = train_grids(store.path, CATEGORIES, LinearTask(store), specs, settings, seed=3, client=workers)
        for i, model in enumerate(models):
            model.save(Path(f"{number}/{i}.zarr"))
        written.append(fingerprint(Path(str(number))))
    assert written[0] == written[1]


def test_an_interrupted_training_goes_on_and_gives_the_same_bytes(
    store: FeatureStore, one_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    specs = [GridSpec(("coarse",), k) for k in (1, 2, 3)]

    def train() -> list[GridModel]:
        return train_grids(store.path, CATEGORIES, LinearTask(store), specs, SETTINGS, seed=3, client=one_client)

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
    assert len(calls) == 3 + 1 + 1  # two were done, one was lost
    for model, expected in zip(models, whole, strict=True):
        assert model.weights["coarse"].tobytes() == expected.weights["coarse"].tobytes()
    assert not list(Path(".scratch").iterdir())


def test_streaming_equals_scikit_learn_on_materialised_hypercolumns(store: FeatureStore, tmp_path: Path) -> None:
    # A strong penalty means small steps: larger ones would blow rounding errors up.
    settings = SETTINGS.model_copy(update={"epochs": 2, "alpha": 1e-2})
    write_target_maps(tmp_path / "targets.zarr", LinearTask(store), store, 20)
    moments = {layer: Moments.of(store.read(layer, slice(0, 90))) for layer in store.layers}
    pixels = TrainingPixels(
        store.path,
        tmp_path / "targets.zarr",
        slice(0, 90),
        GridSpec(store.layers, 2),
        Standardisation.fit(moments, store.layers),
        settings,
        seed=5,
    )
    fit = fit_cells(pixels, 1, [2])

    columns = store.hypercolumns(slice(0, 90), 20).compute()
    truth = LinearTask(store).target_maps(store.regions, store.expanded_boxes, 20)[:, 0]
    widths = [store.blocks[layer].shape[1] for layer in store.layers]
    mean = np.concatenate([moments[layer].mean for layer in store.layers])
    deviation = np.concatenate([moments[layer].deviation for layer in store.layers])
    columns = (columns - mean) / deviation / np.sqrt(np.repeat(widths, widths) * len(widths))
    plain = SGDClassifier(loss="log_loss", alpha=settings.alpha, average=True, random_state=5)
    for epoch in range(2):
        for shard in np.random.default_rng([5, epoch]).permutation(2):
            rows = np.arange(90)[shard * 64 : (shard + 1) * 64]
            drawn = draw_locations(np.random.default_rng([5, epoch, rows[0]]), len(rows), 20, 2, 10)[:, 2]
            x = columns[rows[:, None], drawn // 20, drawn % 20].reshape(-1, sum(widths)).astype(np.float32)
            y = truth[rows[:, None], drawn // 20, drawn % 20].ravel()
            plain.partial_fit(x[y >= 0], y[y >= 0], classes=(0, 1))
    np.testing.assert_allclose(fit.weights[0, 0], plain.coef_[0], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(fit.bias[0, 0], plain.intercept_[0], rtol=1e-3, atol=1e-4)


def test_folding_the_standardisation_does_not_change_a_logit(store: FeatureStore) -> None:
    moments = {layer: Moments.of(store.read(layer, slice(0, 90))) for layer in store.layers}
    standardisation = Standardisation.fit(moments, store.layers)
    weights = np.random.default_rng(0).normal(size=3)
    block = store.read("fine", slice(0, 5))
    folded, change = standardisation.fold("fine", weights)
    raw = np.einsum("rcyx,c->ryx", block.astype(np.float64), folded) + change
    np.testing.assert_allclose(raw.ravel(), standardisation.table("fine", block) @ weights, rtol=1e-4, atol=1e-5)


def test_standardised_hypercolumns_have_unit_length_shared_equally_by_the_layers(store: FeatureStore) -> None:
    moments = {layer: Moments.of(store.read(layer, slice(0, 90))) for layer in store.layers}
    standardisation = Standardisation.fit(moments, store.layers)
    for layer in store.layers:
        table = standardisation.table(layer, store.read(layer, slice(0, 90)))
        assert np.mean(np.sum(table.astype(np.float64) ** 2, axis=1)) == pytest.approx(1 / 3, rel=1e-3)


def test_moments_of_parts_add_up_to_those_of_the_whole(store: FeatureStore) -> None:
    whole = Moments.of(store.read("fine", slice(0, 90)))
    parts = Moments.of(store.read("fine", slice(0, 64))) + Moments.of(store.read("fine", slice(64, 90)))
    values = store.read("fine", slice(0, 90)).astype(np.float64)
    np.testing.assert_allclose(parts.mean, values.mean(axis=(0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(parts.deviation, values.std(axis=(0, 2, 3)), rtol=1e-6)
    np.testing.assert_allclose(whole.deviation, parts.deviation, rtol=1e-6)


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
