"""A row of a store leads back to its photograph, to the crop that the network saw, and to similar rows."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image as Photo

from hypercolumns import FeatureStore, InputError, Workspace
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.photographs.reading import read_image
from hypercolumns.features import writer
from hypercolumns.features.description import describe
from hypercolumns.features.extraction import extract
from hypercolumns.features.photographs import cut_crop
from tests.features import extraction_case as case
from tests.features.test_store import region_table

ROWS = 12


def regions() -> pd.DataFrame:
    """Boxes, of which the last is mirrored."""
    table = case.make_regions(ROWS)
    table.loc[ROWS - 1, "kind"] = "mirrored"
    return table


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A project with annotations that name its photographs by a relative path, and a store of val."""
    project = tmp_path_factory.mktemp("project")
    workspace = Workspace.at(project)
    workspace.images.mkdir(parents=True)
    annotations = case.write_photographs(workspace.images)
    replace(annotations, image_root="data/images").save(workspace.annotations("val"))
    extract(
        regions(),
        annotations,
        case.make_backbone(),
        workspace.features("val"),
        scratch=workspace.scratch,
        expansion=1.5,
        compute=case.CPU,
    )
    return workspace


@pytest.fixture(scope="module")
def store(workspace: Workspace) -> FeatureStore:
    return FeatureStore.open(workspace.features("val"))


def test_the_photograph_of_a_row_is_found_from_any_current_folder(
    store: FeatureStore, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for row in (0, 7):
        expected = read_image(workspace.images / f"{store.regions['image'][row]}.png")
        np.testing.assert_array_equal(store.photo(row), expected)


def test_the_network_gives_the_blocks_of_a_row_for_its_crop(store: FeatureStore) -> None:
    """Mirrored rows too; as exactly as pixels of eight bits allow."""
    backbone = case.make_backbone()
    for row in (0, 5, ROWS - 1):
        crop = torch.from_numpy(store.crop(row)).permute(2, 0, 1)[None].float() / 255
        with torch.inference_mode():
            maps = backbone(crop)
        for layer in store.layers:
            stored = store.read(layer, slice(row, row + 1)).astype(np.float32)
            assert np.abs(maps[layer].numpy() - stored).max() < 0.02 * np.abs(stored).max()


def test_categories_have_their_names(store: FeatureStore) -> None:
    assert store.regions["category_name"].tolist() == store.regions["category"].map({1: "a", 2: "b"}).tolist()


def test_a_store_elsewhere_needs_annotations(store: FeatureStore, workspace: Workspace, tmp_path: Path) -> None:
    moved = tmp_path / "moved.zarr"
    moved.symlink_to(workspace.features("val").absolute())
    with pytest.raises(InputError, match=r"photographs of .*moved\.zarr are not known.*annotations=FILE"):
        FeatureStore.open(moved).photo(0)
    annotations = AnnotationSet.load(workspace.annotations("val"))
    in_memory = replace(annotations, image_root=str(workspace.images))
    for given in (workspace.annotations("val"), in_memory):
        np.testing.assert_array_equal(FeatureStore.open(moved, given).photo(3), store.photo(3))
    others = replace(in_memory, images=())
    with pytest.raises(InputError, match=r"have no image \d, which row 3"):
        FeatureStore.open(moved, others).photo(3)


def test_a_lost_photograph_and_a_row_that_is_not_there(store: FeatureStore, workspace: Workspace) -> None:
    with pytest.raises(InputError, match=r"no row 12; it has rows 0 to 11"):
        store.photo(ROWS)
    np.testing.assert_array_equal(store.crop(-1), store.crop(ROWS - 1))
    path = workspace.images / f"{store.regions['image'][0]}.png"
    kept = path.read_bytes()
    path.unlink()
    with pytest.raises(InputError, match=rf"{path.name}"):
        store.photo(0)
    Photo.new("RGB", (5, 5)).save(path)
    with pytest.raises(InputError, match=r"5 x 5"):
        store.photo(0)
    path.write_bytes(kept)


def test_a_store_of_unknown_origin_has_no_crops(tmp_path: Path, workspace: Workspace) -> None:
    writer.write_store(tmp_path / "features.zarr", regions(), {"a": np.ones((ROWS, 2, 1, 1))})
    with pytest.raises(InputError, match="do not say how the network saw"):
        FeatureStore.open(tmp_path / "features.zarr", workspace.annotations("val")).crop(0)


@pytest.mark.parametrize("mean", [["a", None, {}], [0.5, 0.5], [0.5, 2, 0.5]])
def test_a_colour_that_is_none_is_not_drawn(tmp_path: Path, workspace: Workspace, mean: list) -> None:
    attributes = {"preprocessing": {"input_size": 32, "mean": mean}}
    writer.write_store(tmp_path / "features.zarr", regions(), {"a": np.ones((ROWS, 2, 1, 1))}, attributes=attributes)
    with pytest.raises(InputError, match="do not say how the network saw"):
        FeatureStore.open(tmp_path / "features.zarr", workspace.annotations("val")).crop(0)


@pytest.mark.parametrize("box", [[np.nan, 0, 5, 5], [0, 0, 1e15, 5], [3, 2, 3, 9]])
def test_a_box_that_cannot_be_cut_out_is_refused(box: list[float]) -> None:
    with pytest.raises(InputError, match="cannot be cut out of a photograph of 30 x 20 pixels"):
        cut_crop(np.zeros((20, 30, 3), np.uint8), np.array(box, dtype=np.float64), 32, [0.5] * 3)


@pytest.fixture(scope="module")
def blocks() -> NDArray[np.float32]:
    """Of 150 regions, three parts; row 3 is of zeros, row 140 four times row 20."""
    values = np.random.default_rng(0).normal(size=(150, 3, 5, 4)).astype(np.float32)
    values[3], values[140] = 0, 4 * values[20]
    return values.astype(np.float16).astype(np.float32)


@pytest.fixture(scope="module")
def random_store(blocks: NDArray[np.float32], tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    path = tmp_path_factory.mktemp("random") / "features.zarr"
    writer.write_store(path, region_table(len(blocks), np.random.default_rng(1)), {"a": blocks})
    return FeatureStore.open(path)


def test_nearest_rows_are_those_of_the_largest_cosine(random_store: FeatureStore, blocks: NDArray[np.float32]) -> None:
    flat = blocks.reshape(len(blocks), -1).astype(np.float64)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    cosines = flat @ flat[20]
    cosines[20] = -2
    found = random_store.nearest(20, "a", n=25)
    assert found.index.tolist() == np.argsort(-cosines, kind="stable")[:25].tolist()
    assert found.index[0] == 140
    np.testing.assert_allclose(found["similarity"], cosines[found.index], atol=1e-5)
    assert found["category"].tolist() == random_store.regions["category"][found.index].tolist()


def test_nearest_rows_are_chosen_among_some(random_store: FeatureStore) -> None:
    regions = random_store.regions
    others = random_store.nearest(20, "a", n=200, among=regions["image"] != regions["image"][20])
    assert len(others) == (regions["image"] != regions["image"][20]).sum()
    assert set(random_store.nearest(20, "a", among=[20, 3, 7]).index) == {3, 7}
    assert random_store.nearest(20, "a", among=[3])["similarity"].item() == 0
    assert random_store.nearest(20, "a", among=slice(0, 0)).empty
    with pytest.raises(InputError, match="no layer 'b'"):
        random_store.nearest(20, "b")
    with pytest.raises(InputError, match="which has 150: index 150 is out of bounds"):
        random_store.nearest(20, "a", among=[150])
    with pytest.raises(InputError, match="size of hypercolumns is 0; it must be 1 or more"):
        random_store.hypercolumns([0], size=0)
    with pytest.raises(InputError, match="is -1; it must be 0 or more"):
        random_store.nearest(20, "a", n=-1)


def test_an_empty_store_says_that_it_has_no_rows(tmp_path: Path) -> None:
    writer.write_store(tmp_path / "empty.zarr", regions()[:0], {"a": np.ones((0, 2, 1, 1))})
    store = FeatureStore.open(tmp_path / "empty.zarr")
    with pytest.raises(InputError, match="has no row 0; it has no rows"):
        store.row_number(0)
    text = "\n".join(describe(store))
    assert "0 regions of 0 images" in text
    assert "nan" not in text
