"""Every format is written whole or not at all, to a place that was free, from inputs that were checked."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hypercolumns.annotations import masks
from hypercolumns.cli import results as cli
from hypercolumns.errors import InputError
from hypercolumns.results import formats
from tests.results import result_scenes as scenes

OUTPUTS = {name: "out.parquet" if name == "parquet" else "out" for name in formats.FORMATS}
INPUTS = ["photographs", "results.json", "val.json"]


def run(folder: Path, *arguments: str) -> Result:
    files = [str(folder / "results.json"), "--annotations", str(folder / "val.json")]
    return CliRunner().invoke(cli.main, [*files, *arguments])


def contents(path: Path) -> dict[str, bytes]:
    files = [path] if path.is_file() else [f for f in path.rglob("*") if f.is_file()]
    return {str(f.relative_to(path.parent)): f.read_bytes() for f in files}


def test_the_command_lists_the_registered_formats() -> None:
    assert tuple(formats.FORMATS) == cli._FORMATS


@pytest.mark.parametrize("to", OUTPUTS)
def test_the_command_writes_every_format_and_says_how_much(tmp_path: Path, to: str) -> None:
    folder = scenes.write(tmp_path)
    out = folder / "new" / OUTPUTS[to]
    done = run(folder, "--to", to, "-o", str(out), *(["--score", "0.4"] if to == "voc" else []))
    assert done.exit_code == 0, done.output
    assert f"{'4' if to == 'voc' else '3'} results in 3 photographs" in done.output
    assert contents(out)
    assert [path.name for path in out.parent.iterdir()] == [out.name], "nothing else is left"


@pytest.mark.parametrize("to", OUTPUTS)
def test_equal_results_give_equal_bytes(tmp_path: Path, to: str) -> None:
    folder = scenes.write(tmp_path)
    first = contents(scenes.convert(folder, to, OUTPUTS[to]))
    (folder / OUTPUTS[to]).rename(folder / "before")
    assert contents(scenes.convert(folder, to, OUTPUTS[to])) == first


@pytest.mark.parametrize("to", OUTPUTS)
def test_what_exists_is_refused_and_kept(tmp_path: Path, to: str) -> None:
    folder = scenes.write(tmp_path)
    out = scenes.convert(folder, to, OUTPUTS[to])
    before = contents(out)
    done = run(folder, "--to", to, "-o", str(out), "--score", "0.6")
    assert done.exit_code == 1
    assert "exists and is not replaced" in done.output
    assert contents(out) == before


def test_an_empty_folder_is_used_but_not_a_link_or_a_file_in_its_place(tmp_path: Path) -> None:
    folder = scenes.write(tmp_path)
    (folder / "empty").mkdir()
    assert contents(scenes.convert(folder, "labelme", "empty"))
    (folder / "elsewhere").mkdir()
    (folder / "link").symlink_to(folder / "elsewhere")
    with pytest.raises(InputError, match="exists and is not replaced"):
        scenes.convert(folder, "labelme", "link")
    with pytest.raises(InputError, match="cannot be written"):
        scenes.convert(folder, "labelme", "results.json/out")
    (folder / "labels.json").mkdir()
    with pytest.raises(InputError, match="exists and is not replaced"):
        scenes.convert(folder, "coco-dataset", "labels.json")


def test_the_current_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = scenes.write(tmp_path)
    (folder / "empty").mkdir()
    monkeypatch.chdir(folder / "empty")
    done = run(folder, "--to", "voc", "-o", ".")
    assert done.exit_code == 1
    assert "is the current folder" in done.output


@pytest.mark.parametrize("to", [name for name in OUTPUTS if name != "parquet"])
def test_a_missing_photograph_leaves_nothing(tmp_path: Path, to: str) -> None:
    """It is noticed last, when all else is written."""
    folder = scenes.write(tmp_path)
    (folder / "photographs" / scenes.NAMES[-1]).unlink()
    with pytest.raises(InputError, match=r"c\.jpg does not exist; --photographs names the folder"):
        scenes.convert(folder, to, with_photographs=True)
    assert sorted(path.name for path in folder.iterdir()) == INPUTS


@pytest.mark.parametrize("to", OUTPUTS)
@pytest.mark.parametrize(
    "name",
    ["../a.jpg", "/etc/a.jpg", "b/../../a.jpg", "..\\..\\a.jpg", "C:\\a.jpg", "a\0.jpg", ".", "a\nb.jpg", "a" * 300],
)
def test_a_file_name_that_could_lead_elsewhere_is_refused(tmp_path: Path, to: str, name: str) -> None:
    annotated = scenes.annotations()
    annotated["images"][0]["file_name"] = name
    folder = scenes.write(tmp_path / "inner/most", annotated=annotated)
    with pytest.raises(InputError, match="file name"):
        scenes.convert(folder, to, OUTPUTS[to])
    assert sorted(path.name for path in folder.iterdir()) == INPUTS
    assert [path.name for path in tmp_path.iterdir()] == ["inner"]


def test_backslashes_are_separators(tmp_path: Path) -> None:
    """As in files that were written on Windows."""
    annotated = scenes.annotations()
    annotated["images"][1]["file_name"] = "garden\\b.png"
    out = scenes.convert(scenes.write(tmp_path, annotated=annotated), "labelme", with_photographs=True)
    assert (out / "garden/b.json").exists()
    assert (out / "garden/b.png").exists()


RESULT = scenes.results()[0]
MASK = RESULT["segmentation"]


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({}, ".json must hold a list of COCO results, not an object.\n"),
        ("text", '.json must hold a list of COCO results, not "text".\n'),
        ([3], "entry 0: a result must be an object"),
        ([RESULT, RESULT | {"image_id": 4}], "entry 1: image_id 4 is not among the 3 of"),
        ([RESULT | {"image_id": True}], "image_id is True, not an integer"),
        ([RESULT | {"category_id": 1}], "category_id 1 is not among the 2 of"),
        ([RESULT | {"score": "high"}], "score is 'high', not a finite number"),
        ([{k: RESULT[k] for k in ("image_id", "category_id", "score")}], "needs one of bbox, keypoints, segmentation"),
        ([RESULT | {"bbox": [1, 2, 0, 3]}], "the last two positive"),
        ([RESULT | {"segmentation": MASK | {"size": [60, 48]}}], "has size [60, 48]"),
        ([RESULT | {"segmentation": MASK | {"counts": "11"}}], "do not add up"),
        ([RESULT | {"keypoints": [1, 2, 3]}], "keypoints must be 6 finite numbers"),
        ([RESULT | {"parts": [{"name": "tail", "segmentation": MASK}]}], "choose from head, torso"),
        ([RESULT | {"score": 0.2}], "No result of"),
    ],
)
def test_a_malformed_result_is_one_paragraph_and_exit_code_1(tmp_path: Path, found: Any, message: str) -> None:
    folder = scenes.write(tmp_path, found)
    done = run(folder, "--to", "voc", "-o", str(folder / "out"))
    assert done.exit_code == 1
    assert done.output.startswith("Error: ")
    assert message in done.output
    assert len(done.output.strip().splitlines()) == 1
    assert sorted(path.name for path in folder.iterdir()) == INPUTS


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda a: a["images"][0].pop("width"), "has no width and height"),
        (lambda a: a["images"][0].update(width=10**7, height=10**7), "has the size 10000000 x 10000000"),
        (lambda a: a["images"].append(a["images"][0]), "has the image id 3 twice"),
        (lambda a: a.update(categories=[]), "lists no categories"),
        (lambda a: a.update(images=[]), "it lists no images"),
        (lambda a: a["categories"][0].update(name="a\nb"), "control characters"),
    ],
)
def test_a_malformed_annotation_file_is_named(tmp_path: Path, damage: Callable[[Any], Any], message: str) -> None:
    annotated = scenes.annotations()
    damage(annotated)
    with pytest.raises(InputError, match=r"val\.json") as error:
        scenes.convert(scenes.write(tmp_path, annotated=annotated), "voc")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--to", "pdf", "-o", "out"], "--to is 'pdf'; choose from coco-dataset, labelme, parquet, voc, yolo."),
        (["--to", "voc", "-o", "out", "--score", "nan"], "--score is not a number"),
        (["--to", "parquet", "-o", "out"], "give -o a name that ends in .parquet"),
        (["--to", "parquet", "-o", "a.parquet", "--photographs", "photographs"], "leave out --photographs"),
        (["--to", "coco-dataset", "-o", "a.json", "--photographs", "photographs"], "give -o a folder"),
    ],
)
def test_options_that_do_not_fit_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(scenes.write(tmp_path))
    done = run(Path(), *arguments)
    assert done.exit_code == 1
    assert message in done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == INPUTS


def test_results_with_an_empty_mask_are_left_out_and_counted(tmp_path: Path) -> None:
    nothing = RESULT | {"segmentation": masks.empty(scenes.HEIGHT, scenes.WIDTH)}
    folder = scenes.write(tmp_path, [nothing, *scenes.results()])
    done = run(folder, "--to", "coco-dataset", "-o", str(folder / "out.json"))
    assert "1 result with an empty mask left out" in done.output
    assert len(json.loads((folder / "out.json").read_text())["annotations"]) == 3


def test_a_format_of_ones_own_is_used_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "FORMATS", dict(formats.FORMATS))
    counted = formats.ResultFormat(
        "count", lambda found, out, _: out.write_text(str(len(found.images))) and None, (".txt",), is_file=True
    )
    formats.register_result_format(counted)
    assert scenes.convert(scenes.write(tmp_path), "count", "out.txt").read_text() == "3"
