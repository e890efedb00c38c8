"""`hypercolumns segment` and `heatmap`: any photograph, bad files left out, interrupted runs continued."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from hypercolumns import InputError, Segmenter
from hypercolumns.cli.main import main
from hypercolumns.segmenter import folder_run
from hypercolumns.segmenter.folder_run import segment_files
from tests.trained_projects import TASKS, TrainedProject

ROOT = Path(__file__).parents[2]


@pytest.fixture
def photographs(warped: TrainedProject, tmp_path: Path) -> Path:
    """A folder with three of the photographs."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    for path in warped.photographs[:3]:
        shutil.copyfile(path, folder / path.name)
    return folder


@pytest.fixture
def call(warped: TrainedProject, tmp_path: Path) -> Callable[..., Result]:
    def run(*arguments: object, command: str = "segment", out: Path = tmp_path / "out") -> Result:
        options = ["--model", warped.workspace.bundle, "-o", out]
        done = CliRunner().invoke(main, [command, *(str(a) for a in (*arguments, *options))])
        assert "Traceback" not in done.output
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done

    return run


def answers(out: Path) -> dict:
    return json.loads((out / "answers.json").read_bytes())


def tree(folder: Path) -> dict[str, bytes]:
    """Bytes of all files, except those that name the folder of the photographs."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_files_of_a_run(photographs: Path, call: Callable[..., Result], warped: TrainedProject, tmp_path) -> None:
    assert call(photographs, "--score", 0).exit_code == 0
    names = sorted(path.stem for path in photographs.iterdir())
    out = tmp_path / "out"
    assert sorted(tree(out)) == sorted(
        [
            *(f"overlays/{name}.jpg" for name in names),
            *(f"labels/{name}.png" for name in names),
            *(f"predictions/{task}.json" for task in TASKS),
            *("photographs.json", "answers.json"),
        ]
    )
    assert [entry["file"] for entry in answers(out)["photographs"]] == sorted(p.name for p in photographs.iterdir())
    first = {image.id for image in warped.val.images[:3]}
    expected = json.loads(warped.workspace.predictions("segmentation").read_bytes())
    found = json.loads((out / "predictions/segmentation.json").read_bytes())
    assert [r["segmentation"] for r in found] == [r["segmentation"] for r in expected if r["image_id"] in first]


def test_every_format_and_bad_files(call: Callable[..., Result], warped: TrainedProject, tmp_path: Path) -> None:
    folder = tmp_path / "formats"
    (folder / "sub folder").mkdir(parents=True)
    with Image.open(warped.photographs[0]) as opened:
        picture = opened.convert("RGB").crop((0, 0, 120, 90))
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(folder / "turned.jpg", exif=exif)
    picture.convert("CMYK").save(folder / "cmyk.jpg")
    picture.convert("P").save(folder / "palette.png")
    picture.save(folder / "a.b.jpg")
    picture.rotate(90).save(folder / "a.c.jpg")
    picture.save(folder / "sub folder/Bäume am See.webp")
    picture.save(folder / "sub folder/UPPER.TIFF")
    picture.save(folder / "bitmap.bmp")
    picture.crop((0, 0, 1, 1)).save(folder / "dot.png")
    grey = np.asarray(picture.convert("L")).astype(np.uint16) * 257
    Image.fromarray(grey).save(folder / "deep.png")
    (folder / "broken.jpg").write_bytes((folder / "turned.jpg").read_bytes()[:900])
    (folder / "text.png").write_text("no picture")
    (folder / ".hidden.jpg").write_text("left out in silence")
    (folder / "notes.txt").write_text("left out in silence")
    done = call(folder, tmp_path / "nothing.jpg", "--score", 0)
    assert done.exit_code == 1
    found = answers(tmp_path / "out")
    assert set(found["failed"]) == {"broken.jpg", "text.png", "nothing.jpg"}
    for name in found["failed"]:
        assert name in done.output
    by_name = {entry["file"]: (entry["width"], entry["height"]) for entry in found["photographs"]}
    assert by_name == {
        "turned.jpg": (90, 120),
        "dot.png": (1, 1),
        **dict.fromkeys(("cmyk.jpg", "palette.png", "a.b.jpg", "a.c.jpg", "bitmap.bmp", "deep.png"), (120, 90)),
        **dict.fromkeys(("sub folder/Bäume am See.webp", "sub folder/UPPER.TIFF"), (120, 90)),
    }
    for name, (width, height) in by_name.items():
        stem = str(Path(name).with_suffix(""))
        for file in (f"overlays/{stem}.jpg", f"labels/{stem}.png"):
            with Image.open(tmp_path / "out" / file) as opened:
                assert opened.size == (width, height)


def test_paths_without_photographs(call: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = call(tmp_path / "empty")
    assert done.exit_code == 1
    assert "has no photographs" in done.output
    (tmp_path / "text.jpg").write_text("no picture")
    done = call(tmp_path / "text.jpg")
    assert done.exit_code == 1
    assert "None of the 1 photograph could be read" in done.output
    assert call(tmp_path / ("long" * 100)).exit_code == 1


def test_names_that_answers_cannot_have_and_very_long_photographs(call, warped, tmp_path: Path) -> None:
    """One odd photograph is named and left out, or drawn smaller; the others are answered for."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    shutil.copyfile(warped.photographs[0], folder / "good.jpg")
    shutil.copyfile(warped.photographs[0], folder / f"{'n' * 250}.jpg")
    shutil.copyfile(warped.photographs[0], folder / os.fsdecode(b"\xff.jpg"))
    Image.new("RGB", (65_600, 2)).save(folder / "long.png")
    for command in ("segment", "heatmap"):
        done = call(folder, "--score", 0, command=command, out=tmp_path / command)
        assert done.exit_code == 1
        assert "is not UTF-8" in done.output
        assert "more than 200 bytes" in done.output
        (tmp_path / os.fsdecode(b"\xfe")).mkdir(exist_ok=True)
        assert "is not UTF-8" in call(*tmp_path.glob("?"), command=command, out=tmp_path / "other").output
    found = answers(tmp_path / "segment")
    assert [entry["file"] for entry in found["photographs"]] == ["good.jpg", "long.png"]
    assert set(found["failed"]) == {f"{'n' * 250}.jpg", "\\udcff.jpg"}
    with Image.open(tmp_path / "segment/overlays/long.jpg") as overlay:
        assert overlay.size == (65_500, 2)


def test_the_same_name_in_two_folders(photographs: Path, call: Callable[..., Result], tmp_path: Path) -> None:
    shutil.copytree(photographs, tmp_path / "other")
    done = call(photographs, tmp_path / "other")
    assert done.exit_code == 1
    assert "would have the same name" in done.output
    one = next(photographs.iterdir())
    assert call(one, one, "--tasks", "segmentation").exit_code == 0
    assert len(answers(tmp_path / "out")["photographs"]) == 1


def test_output_folders(photographs: Path, call: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").write_text("x")
    for out, words in [
        (tmp_path / "file", "is a file"),
        (tmp_path / "file/below", "is a file"),
        (tmp_path / "full", "not empty"),
        (tmp_path / ("long" * 100), "cannot be made"),
        (photographs, "not empty"),
    ]:
        for command in ("segment", "heatmap"):
            done = call(photographs, out=out, command=command)
            assert done.exit_code == 1
            assert words in done.output
    # In the folder of the photographs, whose second run does not take the overlays of the first for photographs.
    assert call(photographs, out=photographs / "out").exit_code == 0
    assert "not empty" in call(photographs, out=photographs / "out").output


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_folder_that_cannot_be_written(photographs: Path, call: Callable[..., Result], tmp_path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    assert call(photographs, out=tmp_path / "locked/out").exit_code == 1


class Killed(BaseException):
    """Ends a run at once."""


def test_an_interrupted_run_goes_on(
    photographs: Path, warped: TrainedProject, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    segmenter = Segmenter.open(warped.workspace.bundle, device="cpu")
    segment_files(segmenter, [photographs], tmp_path / "whole")
    out, drawn = tmp_path / "out", []
    draw = folder_run.write_pictures

    def counted(found, *rest) -> None:
        if len(drawn) == 2:
            raise Killed
        draw(found, *rest)
        drawn.append(found.image.file_name)

    monkeypatch.setattr(folder_run, "write_pictures", counted)
    with pytest.raises(Killed):
        segment_files(segmenter, [photographs], out)
    other = Segmenter(segmenter.bundle, device="cpu", minimum_score=0.9)
    with pytest.raises(InputError, match="unfinished answers of another run"):
        segment_files(other, [photographs], out)
    drawn[:] = ["already", *drawn][:1]
    segment_files(segmenter, [photographs], out)
    assert len(drawn) == 2  # of three photographs, one was missing
    assert tree(out) == tree(tmp_path / "whole")


def start(project: TrainedProject, photographs: Path, out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "hypercolumns", "segment", photographs, "--model", project.workspace.bundle]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "pipeline")}
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "env": environment}
    # Tests that run in the background of a shell ignore Ctrl-C, and the processes that they start would inherit that.
    options |= {"preexec_fn": partial(signal.signal, signal.SIGINT, signal.SIG_DFL)}
    return subprocess.Popen([*command, "-o", out], **options)  # noqa: S603


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_process_is_continued(
    warped: TrainedProject, photographs: Path, tmp_path: Path, number: signal.Signals
) -> None:
    for i in range(40):
        shutil.copyfile(warped.photographs[i % 4], photographs / f"more {i}.jpg")
    out = tmp_path / "out"
    process = start(warped, photographs, out)
    deadline = time.monotonic() + 60
    while (
        not list(out.rglob(".unfinished/segment/*/*.json")) and process.poll() is None and time.monotonic() < deadline
    ):
        time.sleep(0.005)
    process.send_signal(number)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == (130 if number == signal.SIGINT else -number), output
    assert "Traceback" not in output
    kept = {path: path.stat().st_mtime_ns for path in out.rglob(".unfinished/segment/*/*.json")}
    assert 0 < len(kept) < 43
    done = {path: path.stat().st_mtime_ns for path in out.rglob("overlays/*.jpg")}
    segmenter = Segmenter.open(warped.workspace.bundle, device="cpu", minimum_score=0.5)
    segment_files(segmenter, [photographs], out)
    segment_files(segmenter, [photographs], tmp_path / "whole")
    assert tree(out) == tree(tmp_path / "whole")
    assert sum(path.stat().st_mtime_ns == before for path, before in done.items()) >= len(kept)


def test_two_runs_at_once(warped: TrainedProject, photographs: Path, tmp_path: Path) -> None:
    """One of them writes everything; the other waits, and then finds the folder full."""
    out = tmp_path / "out"
    processes = [start(warped, photographs, out) for _ in range(2)]
    outputs = [process.communicate(timeout=100)[0] for process in processes]
    assert sorted(process.returncode for process in processes) == [0, 1], outputs
    assert any("exists and is not empty" in output for output in outputs), outputs
    assert not any("Traceback" in output for output in outputs)
    assert not (out / ".unfinished").exists()
    assert len(answers(out)["photographs"]) == 3


def write_boxes(path: Path, *entries: dict) -> Path:
    whole = {"category_id": 1, "bbox": [10, 10, 60, 60], "score": 0.9}
    path.write_text(json.dumps([whole | entry for entry in entries]))
    return path


def test_boxes_by_the_names_of_photographs(warped, photographs: Path, call: Callable[..., Result], tmp_path) -> None:
    """A name that is a number is a name, although photographs have numbers, too."""
    for path in list(photographs.iterdir()):
        path.unlink()
    for name in ("10", "9", "2"):
        shutil.copyfile(warped.photographs[0], photographs / f"{name}.jpg")
    category = warped.val.categories[0]
    boxes = write_boxes(
        tmp_path / "boxes.json",
        {"image_id": "2", "category_id": category.name},
        {"image_id": "10.jpg", "category_id": category.id, "bbox": [20, 20, 50, 50]},
        {"image_id": "10.jpg", "category_id": category.id, "bbox": [20, 20, 0, 50]},
        {"image_id": "10.jpg", "category_id": category.id, "bbox": [1e6, 20, 5, 50]},
        {"image_id": "unknown", "category_id": category.id},
        {"image_id": "9", "category_id": "unicorn"},
    )
    done = call(photographs, "--boxes", boxes)
    assert done.exit_code == 0
    for words in ("1 detection in unknown photographs", "1 detection of categories", "2 detections with boxes"):
        assert words in done.output
    found = {entry["file"]: [o["box"] for o in entry["objects"]] for entry in answers(tmp_path / "out")["photographs"]}
    assert found == {"10.jpg": [[20, 20, 70, 70]], "2.jpg": [[10, 10, 70, 70]], "9.jpg": []}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "boxes.json"),
        ("{}", "boxes.json"),
        ('[{"image_id": "x"}]', "is missing"),
        ('[{"image_id": "x", "category_id": 1, "bbox": [0, 0, 5, 5], "score": 1}]', "no detection that can be used"),
        ('[{"image_id": 1, "category_id": 1, "bbox": [0, 0, 5, 5], "score": 1}]', "give the name of the photograph"),
        ('[{"image_id": "x", "category_id": 1, "bbox": [0, 0, 5], "score": 1}]', "not x, y, width, height"),
        ('[{"image_id": "x", "category_id": 1, "bbox": [0, 0, 5, NaN], "score": 1}]', "boxes.json"),
    ],
)
def test_files_of_boxes_that_cannot_be_used(photographs, call, tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "boxes.json").write_text(content)
    done = call(photographs, "--boxes", tmp_path / "boxes.json")
    assert done.exit_code == 1
    assert words in done.output
    assert "detection.file" not in done.output
    assert "--boxes" in done.output


def test_tasks_and_scores(photographs: Path, call: Callable[..., Result], tmp_path: Path) -> None:
    done = call(photographs, "--tasks", "segmentation,poses")
    assert done.exit_code == 1
    assert "no task 'poses'" in done.output
    assert call(photographs, "--score", "nan").exit_code == 1
    assert call(photographs, "--tasks", "parts", "--score", 1.1, "--no-pictures").exit_code == 0
    out = tmp_path / "out"
    assert sorted(tree(out)) == ["answers.json", "photographs.json", "predictions/parts.json"]
    assert not any(entry["objects"] for entry in answers(out)["photographs"])


def targets_of(project: TrainedProject, task: str, name: str) -> tuple[str, ...]:
    """Targets of a category."""
    (category,) = (c for c in project.val.categories if c.name == name)
    return {"segmentation": ("figure",), "keypoints": category.keypoints, "parts": ("figure", *category.parts)}[task]


def test_heat_maps(warped: TrainedProject, photographs: Path, call: Callable[..., Result], tmp_path: Path) -> None:
    (photographs / "text.png").write_text("no picture")
    done = call(photographs, "--score", 0, command="heatmap")
    assert done.exit_code == 1
    assert "Left out: text.png" in done.output
    total, skipped = 0, 0
    segmenter = Segmenter.open(warped.workspace.bundle, device="cpu")
    for path in (path for path in photographs.iterdir() if path.suffix == ".jpg"):
        expected = segmenter(path)
        with Image.open(path) as opened:
            size = opened.size
        for task in TASKS:
            folder = tmp_path / "out" / path.stem
            with np.load(folder / f"{task}.npz", allow_pickle=False) as found:
                n, targets = len(expected), len(expected.targets[task])
                assert found["heat"].shape == (n, targets, 20, 20)
                assert found["heat"].dtype == np.float32
                np.testing.assert_array_equal(found["heat"], expected.heat[task])
                assert tuple(found["targets"]) == expected.targets[task]
                assert tuple(found["names"]) == expected.names
                for name in ("boxes", "expanded_boxes", "scores", "categories"):
                    np.testing.assert_array_equal(found[name], getattr(expected, name))
            pictures = sorted(folder.glob(f"{task}-*.jpg"))
            present = {target for name in expected.names for target in targets_of(warped, task, name)}
            assert pictures == sorted(folder / f"{task}-{target}.jpg" for target in present)
            skipped += targets - len(present)
            with Image.open(pictures[0]) as opened:
                assert opened.size == size
        total += len(expected)
    assert f"{tmp_path / 'out'}: heat maps of {total} objects in 3 photographs\n" in done.output
    assert skipped, "otherwise every target would have a picture"


def test_results_refer_to_the_photographs_that_were_segmented(
    call: Callable[..., Result], warped: TrainedProject, tmp_path: Path
) -> None:
    """Their numbers are not those of val, which is the default elsewhere."""
    assert call(warped.photographs[2], "--score", 0).exit_code == 0
    results, converted = tmp_path / "out/predictions/segmentation.json", tmp_path / "converted.json"
    arguments = ["results", results, "--to", "coco-dataset", "--score", 0, "-o", converted]
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    images = json.loads(converted.read_bytes())["images"]
    assert [image["file_name"] for image in images] == [warped.photographs[2].name]


def test_heat_is_not_written_beside_unfinished_answers(
    photographs: Path, call: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "out/.unfinished").mkdir(parents=True)
    assert "is not empty" in call(photographs, command="heatmap").output
