"""`hypercolumns demo` shows what the packaged model finds in scenes that it draws."""

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from hypercolumns import InputError
from hypercolumns.bundle.bundle import Bundle
from hypercolumns.cli.main import main
from hypercolumns.demo.model import MODEL
from tests.demo_model import LARGEST, TASKS, make_model
from tests.trained_projects import TrainedProject


def test_the_packaged_model_has_the_format_of_this_version() -> None:
    try:
        bundle = Bundle.open(MODEL)
    except InputError as error:
        pytest.fail(f"Make the model anew: run `make`, then `make demo-model`. {error}")
    assert bundle.manifest.tasks == TASKS
    assert bundle.manifest.detects
    assert bundle.manifest.network.weights == "packaged", "weights that are not installed would have to be downloaded"
    assert MODEL.stat().st_size <= LARGEST


def test_a_page_shows_every_scene_and_the_model_finds_most_objects(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    done = CliRunner().invoke(main, ["demo", "--scenes", "3", "-o", str(out)])
    assert done.exit_code == 0, done.output
    found, drawn = map(int, re.search(r"found (\d+) objects in 3 scenes; (\d+) were drawn", done.output).groups())
    assert 0.5 * drawn <= found <= 1.5 * drawn
    page = (out / "index.html").read_text()
    pictures = re.findall(r'<img src="([^"]+)"', page)
    assert len(pictures) == 6
    assert all((out / picture).is_file() for picture in pictures)
    assert "$" not in page
    (out / "index.html").unlink()
    shutil.rmtree(out / "found")  # as if it had been interrupted
    again = CliRunner().invoke(main, ["demo", "--scenes", "3", "-o", str(out)])
    assert again.exit_code == 0, again.output
    again = CliRunner().invoke(main, ["demo", "-o", str(out)])
    assert again.exit_code == 1
    assert "is not an empty folder" in again.output


def test_the_model_is_made_from_a_finished_run(warped: TrainedProject, tmp_path: Path) -> None:
    make_model(warped.folder, tmp_path / "model.zip")
    manifest = Bundle.open(tmp_path / "model.zip").manifest
    assert manifest.tasks == TASKS
    assert manifest.detects
