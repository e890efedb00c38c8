"""`hypercolumns export` on the command line."""

from pathlib import Path

import onnxruntime
import pytest
from click.testing import CliRunner, Result

from hypercolumns.cli.export import main
from tests.export.conftest import Project


@pytest.fixture
def run(project: Project, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(project.folder)
    return lambda *arguments: CliRunner().invoke(main, [str(argument) for argument in arguments])


def refusal(result: Result) -> str:
    assert result.exit_code == 1, result.output
    assert result.output.startswith("Error: ")
    assert "Traceback" not in result.output
    return result.output


def test_it_writes_a_file_and_says_what_goes_in_and_what_comes_out(run, tmp_path: Path) -> None:
    path = tmp_path / "grids.onnx"
    result = run("--task", "segmentation", "--without-backbone", "-o", path)
    assert result.exit_code == 0, result.output
    assert f"{path}: features.3, features.6, features.7 -> heat maps of figure, " in result.output
    assert len(onnxruntime.InferenceSession(path).get_inputs()) == 3


def test_a_model_elsewhere_can_be_exported(run, tmp_path: Path) -> None:
    path = tmp_path / "grids.pt2"
    model = Path("data/model.zip").absolute()
    result = run("--task", "parts", "--format", "torch", "--without-backbone", "--model", model, "-o", path)
    assert result.exit_code == 0, result.output
    assert path.exists()


def test_what_cannot_be_exported_is_one_paragraph(run, tmp_path: Path) -> None:
    assert "no task 'poses'; it has keypoints, parts, segmentation" in refusal(run("--task", "poses", "-o", "x"))
    assert "missing.zip does not exist" in refusal(run("--task", "parts", "--model", "missing.zip", "-o", "x"))
    assert f"{tmp_path} cannot be written: it is a folder" in refusal(run("--task", "parts", "-o", tmp_path))
    message = refusal(run("--task", "parts", "-o", tmp_path / "none/file.onnx"))
    assert f"there is no folder {tmp_path / 'none'}" in message
    assert run("--task", "parts", "--format", "tflite", "-o", "x").exit_code == 2
