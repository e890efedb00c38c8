"""The notebook runs from the first to the last cell on a finished project, and is committed without outputs."""

import json
from typing import Any

import pytest
from PIL import Image

from tests.documents import ROOT, code_blocks
from tests.trained_projects import TrainedProject

NOTEBOOK = ROOT / "docs/explore.ipynb"
CELLS = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
CODE = ["".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "code"]


def test_the_notebook_is_small_and_has_no_outputs() -> None:
    assert NOTEBOOK.stat().st_size < 300_000
    assert len({cell["id"] for cell in CELLS}) == len(CELLS)
    for cell in CELLS:
        assert cell["cell_type"] != "code" or (cell["outputs"] == [] and cell["execution_count"] is None)


def test_all_cells_run_in_the_folder_of_a_project(
    warped: TrainedProject, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without Jupyter: a cell that ends in a picture shows it."""
    monkeypatch.chdir(warped.folder)
    before = set(warped.folder.iterdir())
    names: dict[str, object] = {}
    pictures = 0
    for source in CODE:
        *body, last = source.rstrip().split("\n")
        is_picture = last.startswith(("sheet(", "Image.fromarray("))
        exec("\n".join([*body, f"picture = {last}"]) if is_picture else source, names)  # noqa: S102
        if is_picture:
            assert isinstance(names["picture"], Image.Image)
            pictures += 1
    printed = capsys.readouterr().out
    assert pictures == 5
    losses = [float(line.rsplit(" ", 1)[1]) for line in printed.splitlines() if line.startswith("step ")]
    assert losses[-1] < 0.8 * losses[0]
    assert "mean IoU" in printed
    assert set(warped.folder.iterdir()) == before


def test_the_lines_of_the_page_run_as_printed(warped: TrainedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(warped.folder)
    (lines,) = code_blocks("docs/looking.md")
    names: dict[str, Any] = {}
    exec(lines, names)  # noqa: S102
    assert names["others"].any()
