"""The code of docs/export.md runs as printed, and gives the pipeline's own crops, heat maps and masks."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hypercolumns.annotations import masks
from hypercolumns.features.warp import warp
from hypercolumns.tasks.pasting import paste
from tests.documents import code_blocks
from tests.export.conftest import Project

FUNCTIONS, SCRIPT, ARCHIVE = code_blocks("docs/export.md")


@pytest.fixture(scope="module")
def printed() -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(FUNCTIONS, names)  # noqa: S102
    return names


def test_the_functions_are_at_most_thirty_lines_of_numpy_and_pillow() -> None:
    code = FUNCTIONS[FUNCTIONS.index("def warp") :]
    assert len([line for line in code.splitlines() if line.strip()]) <= 30


@pytest.mark.parametrize(
    "box",
    [
        (20, 10, 60, 70),  # inside
        (3.3, 5.9, 47.1, 20.2),  # not on whole pixels
        (-30.5, -20, 300, 200),  # on all sides beyond the photograph
        (70, 60, 71.5, 60.8),  # of one pixel
        (200, 10, 260, 50),  # outside
        (0, 0, 90.0, 0.4),  # along the edge
    ],
)
@pytest.mark.parametrize("mean", [(0.5, 0.5, 0.5), (0.485, 0.456, 0.406)])
def test_the_printed_warping_is_that_of_the_pipeline(
    printed: dict[str, Any], box: tuple[float, ...], mean: tuple[float, ...]
) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (70, 90, 3), dtype=np.uint8)
    crop, expanded = printed["warp"](photo, box, 96, mean, 1.2)
    expected = warp([photo], expanded[None], 96, mean)[0]
    centre = (np.array(box[:2]) + box[2:]) / 2
    np.testing.assert_allclose(expanded[2:] - expanded[:2], 1.2 * (np.array(box[2:]) - box[:2]))
    np.testing.assert_allclose((expanded[2:] + expanded[:2]) / 2, centre)
    assert crop.dtype == np.float32
    np.testing.assert_allclose(crop, expected, rtol=0, atol=1e-5)


def test_the_printed_pasting_is_that_of_the_pipeline(printed: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    heat = rng.random((25, 25), dtype="f4")
    for box in ((20, 10, 60, 70), (-3.3, 5.9, 47.1, 200.2), (88.2, 60, 130, 69.9), (200, 10, 260, 50)):
        patch = paste(heat, np.array(box, float), 90, 70)
        expected = np.zeros((70, 90), np.float32)
        if patch.values.size:
            expected[patch.window] = patch.values
        np.testing.assert_allclose(printed["paste"](heat, np.array(box), 90, 70), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("task", ["segmentation", "parts"])
def test_the_printed_script_cuts_out_the_masks_of_the_pipeline(project: Project, tmp_path: Path, task: str) -> None:
    """One grid for all categories, and a grid for each; masks differ where heat is within 1e-3 of the threshold."""
    (tmp_path / "masks.py").write_text(FUNCTIONS + SCRIPT)
    names = {category.id: category.name for category in project.annotations.categories}
    store, threshold = project.store, project.parameters.predict.threshold
    answers = json.loads(project.workspace.ground_truth_predictions("segmentation").read_text())
    for row in np.flatnonzero(store.regions["kind"] == "ground_truth")[[0, 3, -1]]:
        region, box = store.regions.iloc[row], store.expanded_boxes[row]
        image = project.annotations.image_by_id[int(region["image"])]
        photograph = Path(project.annotations.image_root) / image.file_name
        command = [str(photograph), names[int(region["category"])], *map(str, region[["x0", "y0", "x1", "y1"]])]
        subprocess.run(  # noqa: S603
            [sys.executable, "masks.py", project.export(task, "onnx"), *command], cwd=tmp_path, check=True
        )
        found = np.asarray(Image.open(tmp_path / "mask.png"))
        heat = project.expected(task, slice(row, row + 1))[0, 0]
        patch, unsure = paste(heat, box, image.width, image.height), np.zeros(found.shape, bool)
        unsure[patch.window] = np.abs(patch.values - threshold) < 1e-3
        expected = np.zeros(found.shape, bool)
        expected[patch.window] = patch.values > threshold
        np.testing.assert_array_equal(found[~unsure], expected[~unsure])
        assert unsure.mean() < 0.01
        if task == "segmentation":
            (answer,) = [a for a in answers if a["instance_id"] == int(region["instance"])]
            stored = masks.decode(answer["segmentation"]).astype(bool)
            np.testing.assert_array_equal(found[~unsure], stored[~unsure])


@pytest.mark.parametrize("task", ["segmentation", "parts"])
def test_the_printed_script_refuses_an_unknown_category(project: Project, tmp_path: Path, task: str) -> None:
    """Even where one grid serves all categories, so that the answer does not depend on it."""
    (tmp_path / "masks.py").write_text(FUNCTIONS + SCRIPT)
    photograph = Path(project.annotations.image_root) / project.annotations.images[0].file_name
    command = [sys.executable, "masks.py", project.export(task, "onnx"), str(photograph), "unicorn", *"0099"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)  # noqa: S603
    assert done.returncode == 1
    assert done.stderr.startswith("'unicorn' is not a category of the model; choose among ")
    assert not (tmp_path / "mask.png").exists()


def test_the_lines_on_the_torch_archive_run(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "segmentation.pt2").write_bytes(project.export("segmentation", "torch").read_bytes())
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(ARCHIVE, names)  # noqa: S102
    assert names["heat_maps"].shape == (4, 1, 25, 25)
