"""The segmenter in Python: arrays, given boxes of every form, and clear words for what cannot be used."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hypercolumns import InputError, Segmenter
from tests.documents import code_blocks
from tests.trained_projects import TASKS, TrainedProject

ROOT = Path(__file__).parents[2]
BOXES = [[10.0, 10.0, 60.0, 60.0], [40.0, 20.0, 120.0, 100.0]]


@pytest.fixture(scope="module", params=["warped", "pooled"])
def segmenter(request: pytest.FixtureRequest) -> Segmenter:
    project: TrainedProject = request.getfixturevalue(request.param)
    return Segmenter.open(project.workspace.bundle, device="cpu")


def test_the_lines_of_the_documents_run_as_printed(
    warped: TrainedProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (readme,) = (block for block in code_blocks("README.md") if "Segmenter" in block)
    shutil.copytree(warped.workspace.bundle, tmp_path / "data/model")
    (tmp_path / "photographs").mkdir()
    for path in (tmp_path / "photograph.jpg", tmp_path / "photographs/one.jpg"):
        shutil.copyfile(warped.photographs[0], path)
    monkeypatch.chdir(tmp_path)
    scope: dict[str, Any] = {}
    for block in [readme, *code_blocks("docs/segment.md")]:
        exec(block, scope)  # noqa: S102 - the documents of this project
    assert len(scope["answers"].masks) == 2
    assert len(scope["found"]) > 0


@pytest.fixture(scope="module")
def photograph(warped: TrainedProject) -> np.ndarray:
    with Image.open(warped.photographs[0]) as opened:
        return np.asarray(opened.convert("RGB"))


def test_an_array_is_answered_as_its_file(segmenter: Segmenter, warped: TrainedProject, photograph) -> None:
    by_array, by_file = segmenter(photograph), segmenter(str(warped.photographs[0]))
    assert len(by_array) > 0
    assert by_array.results == by_file.results
    assert by_array.masks.shape == (len(by_array), *photograph.shape[:2])
    for task in TASKS:
        np.testing.assert_array_equal(by_array.heat[task], by_file.heat[task])


def test_categories_by_name_and_id(segmenter: Segmenter, photograph) -> None:
    first, second = segmenter.categories[:2]
    by_name = segmenter(photograph, BOXES, [first.name, second.name], [0.2, 0.7])
    by_id = segmenter(photograph, np.array(BOXES), np.array([first.id, second.id]), np.array([0.2, 0.7]))
    assert by_name.results == by_id.results
    assert by_name.names == (second.name, first.name)
    np.testing.assert_array_equal(by_name.boxes, BOXES[::-1])
    np.testing.assert_array_equal(by_name.scores, [0.7, 0.2])
    for one in (first.name, first.id, np.int64(first.id)):
        answers = segmenter(photograph, BOXES, one)
        assert answers.names == (first.name, first.name)
        np.testing.assert_array_equal(answers.boxes, BOXES)
        np.testing.assert_array_equal(answers.scores, [1, 1])


@pytest.mark.parametrize("boxes", [[], np.empty((0, 4)), np.empty(0)])
def test_no_boxes(segmenter: Segmenter, photograph, boxes: Any) -> None:
    require_nothing(segmenter(photograph, boxes, []), photograph)


def test_no_detections(segmenter: Segmenter, photograph) -> None:
    require_nothing(Segmenter(segmenter.bundle, device="cpu", minimum_score=2)(photograph), photograph)


def require_nothing(answers: Any, photograph: np.ndarray) -> None:
    assert len(answers) == 0
    assert answers.names == ()
    assert answers.boxes.shape == answers.expanded_boxes.shape == (0, 4)
    assert answers.scores.shape == answers.categories.shape == (0,)
    assert answers.masks.shape == (0, *photograph.shape[:2])
    for task in TASKS:
        assert answers.coco_results(task) == []
        assert answers.heat[task].shape == (0, len(answers.targets[task]), 20, 20)


@pytest.mark.parametrize(
    ("boxes", "categories", "scores", "words"),
    [
        (BOXES, None, None, "need categories"),
        (BOXES, ["unicorn", 1], None, "Box 0 has the category 'unicorn'"),
        (BOXES, [1], None, "2 boxes, but 1 categories"),
        (BOXES, 1, [0.5], "2 boxes, but 2 categories and 1 scores"),
        (BOXES, 1, [0.5, np.nan], "Box 1"),
        (BOXES, 1, ["good", "bad"], "scores"),
        ([[0, 0, np.nan, 5]], 1, None, "Box 0"),
        ([[0, 0, np.inf, 5]], 1, None, "Box 0"),
        ([[5, 5, 5, 9]], 1, None, "x0 < x1"),
        ([[9, 5, 5, 9]], 1, None, "x0 < x1"),
        ([[1e7, 0, 1e7 + 5, 5]], 1, None, "outside"),
        ([[0, 0, 5]], 1, None, r"\(n, 4\)"),
        (np.zeros((4, 3)), 1, None, r"\(n, 4\)"),
        ([0, 0, 5, 5], 1, None, r"\(n, 4\)"),
        ([[0, 0, 5, 5], [0, 0]], 1, None, "boxes"),
        ("boxes", 1, None, "boxes"),
        (BOXES, [[1], [1]], None, "category"),
    ],
)
def test_boxes_that_cannot_be_used(segmenter: Segmenter, photograph, boxes, categories, scores, words: str) -> None:
    with pytest.raises(InputError, match=words):
        segmenter(photograph, boxes, categories, scores)


@pytest.mark.parametrize(
    "array",
    [np.zeros((8, 8, 3)), np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.zeros((0, 8, 3), np.uint8)],
)
def test_arrays_that_are_no_photographs(segmenter: Segmenter, array: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"array .* of uint8 in RGB"):
        segmenter(array)


def test_files_that_are_no_photographs(segmenter: Segmenter, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no picture")
    for path in (tmp_path, tmp_path / "nothing.jpg", tmp_path / "text.jpg"):
        with pytest.raises(InputError, match=path.name):
            segmenter(path)


def test_tiny_and_read_only_photographs(segmenter: Segmenter, photograph) -> None:
    one = photograph[:1, :1]
    assert segmenter(one).masks.shape[1:] == (1, 1)
    assert segmenter(one, [[0, 0, 1, 1]], 1).masks.shape == (1, 1, 1)
    frozen = photograph.copy()
    frozen.flags.writeable = False
    assert segmenter(frozen[:, ::-1]).photograph.shape == photograph.shape


def test_tasks(segmenter: Segmenter, photograph) -> None:
    chosen = Segmenter(segmenter.bundle, ["parts"], "cpu")
    answers = chosen(photograph, BOXES, 1)
    assert set(answers.results) == set(answers.heat) == {"parts"}
    assert answers.masks.shape == (2, *photograph.shape[:2])
    with pytest.raises(InputError, match="no task 'poses'"):
        Segmenter(segmenter.bundle, ["poses"], "cpu")


def test_dask_is_not_imported(warped: TrainedProject) -> None:
    code = f"""
import sys
from hypercolumns import Segmenter
answers = Segmenter.open({str(warped.workspace.bundle_archive)!r}, device="cpu")({str(warped.photographs[0])!r})
answers.masks
loaded = {{name.partition(".")[0] for name in sys.modules}} & {{"dask", "distributed", "sklearn", "matplotlib"}}
assert not loaded & {{"dask", "distributed"}}, loaded
"""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "pipeline")}
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
