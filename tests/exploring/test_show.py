"""`hypercolumns show` draws a row of a store in a workspace, or refuses it in a paragraph."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from hypercolumns import FeatureStore
from hypercolumns.cli.main import main
from hypercolumns.drawing.text import line_height
from hypercolumns.exploring.principal_colours import PrincipalColours
from hypercolumns.exploring.row_sheet import TILE, draw_row, model_beside
from hypercolumns.grid.model import GridModel
from hypercolumns.grid.scoring import heat_maps
from tests.trained_projects import TrainedProject


def show(*arguments: object) -> Result:
    done = CliRunner().invoke(main, ["show", *map(str, arguments)])
    assert "Traceback" not in done.output
    return done


@pytest.fixture(scope="module")
def store(warped: TrainedProject) -> FeatureStore:
    return FeatureStore.open(warped.workspace.features("train"))


def test_the_picture_of_a_row(warped: TrainedProject, store: FeatureStore, tmp_path: Path) -> None:
    """Photograph, crop, three layers and heat: two lines of three tiles."""
    row = int(np.flatnonzero(store.regions["kind"] == "mirrored")[0])
    done = show(warped.workspace.features("train"), row, "--out", tmp_path / "row.png")
    assert done.exit_code == 0, done.output
    with Image.open(tmp_path / "row.png") as picture:
        pixels = np.asarray(picture)
    model = model_beside(store, row)
    assert model is not None
    np.testing.assert_array_equal(pixels, draw_row(store, row, model))
    tiles = tiles_of(pixels, 6)
    crop = cv2.resize(store.crop(row), (TILE, TILE), interpolation=cv2.INTER_CUBIC)
    np.testing.assert_array_equal(tiles[1], crop)
    for tile, (layer, (_, height, width)) in zip(tiles[2:5], store.shapes.items(), strict=True):
        y, x = ((2 * np.arange(n) + 1) * TILE // (2 * n) for n in (height, width))
        painted = PrincipalColours.of_store(store, layer).paint(store.read(layer, slice(row, row + 1))[0])
        np.testing.assert_array_equal(tile[np.ix_(y, x)], painted)
    blocks = {layer: store.read(layer, slice(row, row + 1)) for layer in model.spec.layers}
    heat = heat_maps(model, model.group_of_category[store.regions["category"][row]], blocks)[0, 0]
    large = cv2.resize(heat, (TILE, TILE), interpolation=cv2.INTER_LINEAR)
    warm = tiles[5].astype(int)[..., 0] - tiles[5].astype(int)[..., 2]  # from black by red to yellow
    assert np.corrcoef(warm.ravel(), large.ravel())[0, 1] > 0.7


def test_the_photograph_shows_the_box_of_a_row(store: FeatureStore) -> None:
    row = int(np.flatnonzero(store.regions["kind"] == "ground_truth")[0])
    tile, height, width = tiles_of(draw_row(store, row), 5)[0], *store.photo(row).shape[:2]
    scale = TILE / max(height, width)
    region = store.regions.iloc[row]
    x = (region["x0"] + region["x1"]) / 2 * scale + (TILE - width * scale) / 2
    for y in (region["y0"], region["y1"]):
        line = int(y * scale + (TILE - height * scale) / 2)
        assert (tile[max(line - 2, 0) : line + 3, int(x)] == 255).all(axis=1).any()


def tiles_of(sheet: np.ndarray, count: int) -> list[np.ndarray]:
    """Cut the tiles out of a picture of two lines, from the lower right corner on."""
    step_x, step_y = TILE + 12, TILE + 12 + line_height(20) + 4
    top = sheet.shape[0] - 12 - TILE - step_y
    assert sheet.shape[1] == 12 + 3 * step_x
    corners = [(top + k // 3 * step_y, 12 + k % 3 * step_x) for k in range(count)]
    return [sheet[y : y + TILE, x : x + TILE] for y, x in corners]


def test_a_model_of_layers_that_the_store_lacks_is_left_out(
    warped: TrainedProject, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other layers were extracted, and nothing has been trained on them yet."""
    monkeypatch.setattr(FeatureStore, "layers", ("stage1",))
    assert model_beside(FeatureStore.open(warped.workspace.features("train")), 0) is None


def test_a_jpeg_file_in_a_new_folder_and_no_other_kind(warped: TrainedProject, tmp_path: Path) -> None:
    path = warped.workspace.features("val")
    assert show(path, "-o", tmp_path / "new/row.jpg", "--", -1).exit_code == 0
    with Image.open(tmp_path / "new/row.jpg") as picture:
        assert picture.format == "JPEG"
    refused = show(path, 0, "-o", tmp_path / "row.gif")
    assert refused.exit_code == 1
    assert "end its name with .jpeg, .jpg, .png" in " ".join(refused.output.split())


def test_the_default_name_and_the_targets_of_a_model(
    warped: TrainedProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path, parts = warped.workspace.features("val"), warped.workspace.model("parts")
    assert show(path, 1).exit_code == 0
    assert (tmp_path / "val-1.png").exists()
    targets = GridModel.open(parts).targets
    assert show(path, 1, "--model", parts, "--target", targets[-1], "--out", "part.png").exit_code == 0
    refused = show(path, 1, "--model", parts, "--target", "wing")
    assert refused.exit_code == 1
    assert f"no target 'wing'; it has {', '.join(sorted(targets))}" in " ".join(refused.output.split())


def test_a_model_of_other_features_is_refused_if_named_and_left_out_if_not(
    warped: TrainedProject, pooled: TrainedProject, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    refused = show(warped.workspace.features("train"), 0, "--model", pooled.workspace.model("segmentation"))
    assert refused.exit_code == 1
    assert "was trained on features of another network" in refused.output
    moved = tmp_path / "data/features/train.zarr"
    moved.parent.mkdir(parents=True)
    moved.symlink_to(warped.workspace.features("train").absolute())
    (tmp_path / "data/models").mkdir()
    (tmp_path / "data/models/segmentation.zarr").symlink_to(pooled.workspace.model("segmentation").absolute())
    done = show(moved, 0, "--annotations", warped.workspace.annotations("train"))
    assert done.exit_code == 0, done.output
    assert "No heat map" in done.output


def test_what_cannot_be_shown_is_one_paragraph(warped: TrainedProject, tmp_path: Path) -> None:
    for arguments, complaint in [
        ((warped.workspace.features("val"), 10_000), "has no row 10000"),
        ((tmp_path / "nothing.zarr", 0), "does not exist"),
        ((warped.workspace.model("parts"), 0), "'schema' is 'hypercolumns-grid"),
    ]:
        done = show(*arguments, "--out", tmp_path / "x.png")
        assert done.exit_code == 1
        assert complaint in done.output
    assert not (tmp_path / "x.png").exists()
