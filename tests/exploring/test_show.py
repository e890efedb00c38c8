"""`hypercolumns show` draws a row of a store in a workspace, or refuses it in a paragraph."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from hypercolumns import FeatureStore
from hypercolumns.cli.main import main
from hypercolumns.exploring.row_sheet import TILE, draw_row, model_beside
from hypercolumns.grid.model import GridModel
from tests.trained_projects import TrainedProject


def show(*arguments: object) -> Result:
    done = CliRunner().invoke(main, ["show", *map(str, arguments)])
    assert "Traceback" not in done.output
    return done


@pytest.fixture(scope="module")
def store(warped: TrainedProject) -> FeatureStore:
    return FeatureStore.open(warped.workspace.features("train"))


def test_the_picture_of_a_row(warped: TrainedProject, store: FeatureStore, tmp_path: Path) -> None:
    """Photograph, crop, three layers and heat: two lines of four and two tiles."""
    row = int(np.flatnonzero(store.regions["kind"] == "mirrored")[0])
    done = show(warped.workspace.features("train"), row, "--out", tmp_path / "row.png")
    assert done.exit_code == 0, done.output
    with Image.open(tmp_path / "row.png") as picture:
        pixels = np.asarray(picture)
    assert pixels.shape[1] > 4 * TILE
    assert 2 * TILE < pixels.shape[0] < 3 * TILE
    model = model_beside(store, row)
    assert model is not None
    np.testing.assert_array_equal(pixels, draw_row(store, row, model))
    assert draw_row(store, row).shape == (pixels.shape[0], *pixels.shape[1:])


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
