"""However a feature store is read, it returns what was written."""

import pickle
from pathlib import Path

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
import zarr
from numpy.typing import NDArray

from hypercolumns import FeatureStore
from hypercolumns.errors import InputError
from hypercolumns.features import writer
from hypercolumns.features.schema import COLUMNS, KINDS, REGIONS_PER_PART
from hypercolumns.regions import boxes

N = 70
"""Regions: more than one shard."""


def region_table(n: int, rng: np.random.Generator) -> pd.DataFrame:
    corner = rng.uniform(0, 50, (n, 2))
    size = rng.uniform(1, 30, (n, 2))
    return pd.DataFrame(
        {
            "image": rng.integers(1, 9, n),
            "category": np.sort(rng.integers(1, 4, n)),
            "instance": np.arange(n) - 1,
            "kind": [KINDS[i % len(KINDS)] for i in range(n)],
            "x0": corner[:, 0],
            "y0": corner[:, 1],
            "x1": corner[:, 0] + size[:, 0],
            "y1": corner[:, 1] + size[:, 1],
            "iou": rng.uniform(size=n),
            "score": rng.uniform(size=n),
        }
    )


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return region_table(N, np.random.default_rng(0))


@pytest.fixture(scope="module")
def blocks() -> dict[str, NDArray[np.float16]]:
    rng = np.random.default_rng(1)
    shapes = {"fine": (3, 9, 7), "layer4.2": (5, 4, 4), "vector": (6, 1, 1)}
    return {name: rng.normal(size=(N, *shape)).astype(np.float16) for name, shape in shapes.items()}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, table: pd.DataFrame, blocks: dict) -> Path:
    path = tmp_path_factory.mktemp("store") / "features.zarr"
    writer.write_store(path, table, blocks, expansion=1.5, attributes={"backbone": "toy"})
    return path


@pytest.fixture(scope="module")
def store(path: Path) -> FeatureStore:
    return FeatureStore.open(path)


def test_regions_come_back_as_written(store: FeatureStore, table: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(store.regions[list(COLUMNS)], table, check_dtype=False)
    assert len(store) == N
    expected = boxes.expand(table[["x0", "y0", "x1", "y1"]].to_numpy(), 1.5)
    mirrored = (table["kind"] == "mirrored").to_numpy()
    assert mirrored.any()
    expected[mirrored] = expected[mirrored][:, [2, 1, 0, 3]]
    np.testing.assert_array_equal(store.expanded_boxes, expected)


def test_every_way_to_read_gives_the_blocks_that_were_written(store: FeatureStore, path: Path, blocks: dict) -> None:
    assert store.layers == tuple(blocks)
    opened = xr.open_zarr(path, group="blocks")
    dataset = store.to_xarray()
    for name, block in blocks.items():
        np.testing.assert_array_equal(store.read(name, slice(3, 68)), block[3:68])
        np.testing.assert_array_equal(store.blocks[name].compute(), block)
        np.testing.assert_array_equal(opened[name].values, block)
        np.testing.assert_array_equal(dataset[name].values, block)
        np.testing.assert_array_equal(da.from_zarr(path, component=f"blocks/{name}").compute(), block)
        assert store.blocks[name].chunks[0] == (REGIONS_PER_PART, N - REGIONS_PER_PART)


def test_a_dataset_can_be_selected_by_region_columns(store: FeatureStore, blocks: dict) -> None:
    dataset = store.to_xarray()
    chosen = dataset.isel(region=(dataset.category == 2).values)
    rows = (store.regions["category"] == 2).to_numpy()
    np.testing.assert_array_equal(chosen["vector"].values, blocks["vector"][rows])


@pytest.mark.parametrize("size", [1, 5, 13])
@pytest.mark.parametrize(
    "rows", [slice(60, 66), [69, 0, 5, 6, 7, 8], np.arange(N) % 9 == 0], ids=["slice", "list", "mask"]
)
def test_hypercolumns_equal_torch_interpolation(store: FeatureStore, blocks: dict, rows: slice, size: int) -> None:
    expected = [
        torch.nn.functional.interpolate(torch.from_numpy(b[rows].astype(np.float32)), (size, size), mode="bilinear")
        for b in blocks.values()
    ]
    lazy = store.hypercolumns(rows, size)
    actual = lazy.compute()
    assert lazy.shape == actual.shape
    assert lazy.dtype == actual.dtype == np.float32
    np.testing.assert_allclose(actual, torch.cat(expected, 1).permute(0, 2, 3, 1).numpy(), atol=1e-5)


def test_hypercolumns_have_the_chosen_layers_in_the_requested_order(store: FeatureStore) -> None:
    all_layers = store.hypercolumns(slice(0, 3), 4).compute()
    swapped = store.hypercolumns(slice(0, 3), 4, layers=("vector", "fine")).compute()
    np.testing.assert_array_equal(swapped, np.concatenate([all_layers[..., 8:], all_layers[..., :3]], axis=-1))


def test_no_rows_give_no_hypercolumns(store: FeatureStore) -> None:
    assert store.hypercolumns([], 4).compute().shape == (0, 4, 4, 14)


def test_a_store_can_be_pickled(store: FeatureStore, blocks: dict) -> None:
    copy = pickle.loads(pickle.dumps(store))  # noqa: S301 - our own bytes
    np.testing.assert_array_equal(copy.read("fine", slice(0, 5)), blocks["fine"][:5])


def test_equal_arguments_give_equal_bytes(path: Path, tmp_path: Path, table: pd.DataFrame, blocks: dict) -> None:
    writer.write_store(tmp_path / "other.zarr", table, blocks, expansion=1.5, attributes={"backbone": "toy"})
    for file in (p for p in path.rglob("*") if p.is_file()):
        assert (tmp_path / "other.zarr" / file.relative_to(path)).read_bytes() == file.read_bytes(), file


def test_values_beyond_the_range_of_float16_are_clipped(tmp_path: Path, table: pd.DataFrame) -> None:
    values = np.full((N, 2, 1, 1), 1e9, dtype=np.float32)
    values[:, 1] = -1e9
    writer.write_store(tmp_path / "large.zarr", table, {"a": values})
    read = FeatureStore.open(tmp_path / "large.zarr").read("a", slice(None))
    assert np.isfinite(read).all()
    assert set(np.unique(read)) == {-65504.0, 65504.0}


def test_unsorted_regions_are_refused(tmp_path: Path, table: pd.DataFrame, blocks: dict) -> None:
    with pytest.raises(ValueError, match="sorted by category"):
        writer.write_store(tmp_path / "x.zarr", table[::-1], blocks)


def test_a_block_of_another_shape_is_refused(tmp_path: Path) -> None:
    with (
        pytest.raises(ValueError, match="a row of blocks/a has the shape"),
        writer.FeatureStoreWriter(tmp_path / "x.zarr", {"a": (2, 1, 1)}) as unfinished,
    ):
        unfinished.append({"a": np.zeros((N, 3, 1, 1))})


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_values_that_are_not_finite_are_refused(
    tmp_path: Path, table: pd.DataFrame, value: float, dtype: type[np.floating]
) -> None:
    values = np.zeros((N, 2, 1, 1), dtype=dtype)
    values[-1, 1] = value
    with pytest.raises(InputError, match="NaN or infinite in the layer 'a'"):
        writer.write_store(tmp_path / "x.zarr", table, {"a": values})


def test_an_unknown_layer_lists_the_valid_ones(store: FeatureStore) -> None:
    with pytest.raises(InputError, match=r"'fc7'.*fine, layer4.2, vector"):
        store.read("fc7", slice(0, 1))
    with pytest.raises(InputError, match=r"'fc7'.*fine, layer4.2, vector"):
        store.hypercolumns([0], 4, layers=("fc7",))


@pytest.mark.parametrize("file", ["blocks/fine/c/0/0/0/0", "regions/iou/c/0", "blocks/vector/zarr.json", "zarr.json"])
def test_a_store_that_lacks_a_file_is_refused(tmp_path: Path, table: pd.DataFrame, blocks: dict, file: str) -> None:
    """Otherwise the regions of that file would read as zeros."""
    path = tmp_path / "features.zarr"
    writer.write_store(path, table, blocks)
    opened = FeatureStore.open(path)
    (path / file).unlink()
    with pytest.raises(InputError, match=rf"is damaged: .*{file}.*: it is missing\. `hypercolumns verify"):
        FeatureStore.open(path)
    if file.startswith("blocks/fine"):
        with pytest.raises(InputError, match=r"shard 0 of the array 'blocks/fine' .*: it is missing\."):
            opened.blocks["fine"].compute(scheduler="synchronous")


def test_other_paths_are_not_opened_as_feature_stores(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        FeatureStore.open(tmp_path / "nothing.zarr")
    (tmp_path / "file.zarr").write_text("text")
    with pytest.raises(InputError, match="not a feature store"):
        FeatureStore.open(tmp_path / "file.zarr")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="not a feature store"):
        FeatureStore.open(tmp_path / "folder")
    zarr.create_group(tmp_path / "other.zarr", attributes={"schema": "proposals/1"})
    with pytest.raises(InputError, match="'schema' is 'proposals/1'"):
        FeatureStore.open(tmp_path / "other.zarr")
    (tmp_path / "broken.zarr").mkdir()
    (tmp_path / "broken.zarr" / "zarr.json").write_text("{")
    with pytest.raises(InputError, match="not a feature store"):
        FeatureStore.open(tmp_path / "broken.zarr")
