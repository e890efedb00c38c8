"""The code in `docs/extending.md` is complete: registered here, it goes through the whole pipeline."""

import importlib
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from PIL import Image as Picture

from hypercolumns import AnnotationSet, Parameters, Workspace, register_format, register_task, steps
from hypercolumns.annotations.formats import FORMATS
from hypercolumns.backbones import registry
from hypercolumns.definitions import TASKS
from hypercolumns.errors import InputError, choices
from hypercolumns.parameters import TASK_SECTIONS
from hypercolumns.parameters.backbone import LAYERS
from hypercolumns.parameters.dataset import FORMAT_NAMES
from tests.documents import ROOT, code_blocks

DOCUMENT = "docs/extending.md"
BLOCKS = code_blocks(DOCUMENT)
SMALL = {
    "seed": 0,
    "dataset": {"puppets": {"train_images": 6, "val_images": 3, "width": 160, "height": 128}},
    "proposals": {"max_per_image": 100},
    "backbone": {"weights": "random", "layers": ["stage1", "stage4", "pooled"], "input_size": 64},
    "detection": {"source": "ground_truth"},
    "regions": {"minimum_area": 30},
    "train": {"grid": 2, "heat_map": 20},
    "ablate": {"grid": 2, "grids": [1, 2]},
    "compute": {"workers": 1, "device": "cpu"},
}


@pytest.fixture(autouse=True)
def registries() -> Iterator[None]:
    """Forget after each test what it registered."""
    registered = (TASKS, TASK_SECTIONS, FORMATS, LAYERS, registry.REGISTRY)
    before, formats = [dict(entries) for entries in registered], list(FORMAT_NAMES)
    yield
    for entries, kept in zip(registered, before, strict=True):
        entries.clear()
        entries.update(kept)  # type: ignore[arg-type]
    FORMAT_NAMES[:] = formats


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, ModuleType]]:
    """The files that the document prints, written to a folder and imported from there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    names = []
    for block in BLOCKS:
        if found := re.match(r"# (\w+)\.py\n", block):
            names.append(found.group(1))
            Path(f"{names[-1]}.py").write_text(block)
    yield {name: importlib.import_module(name) for name in names}
    for name in names:
        del sys.modules[name]


def usage(of: str) -> str:
    """The block that uses what the block with the file `of` defines: the one behind it."""
    position = next(i for i, block in enumerate(BLOCKS) if block.startswith(f"# {of}.py\n"))
    return BLOCKS[position + 1]


def run(code: str, **names: object) -> dict[str, object]:
    scope: dict[str, object] = {"__name__": "printed", **names}
    exec(compile(code, DOCUMENT, "exec"), scope)  # noqa: S102 - the document's own code
    return scope


def test_the_printed_task_goes_through_train_predict_evaluate_and_report(modules: dict[str, ModuleType]) -> None:
    register_task(modules["upper_half"].DEFINITION)
    content = SMALL | {"tasks": ["upper_half"], "upper_half": {"share": 0.4}}
    Path("params.yaml").write_text(yaml.safe_dump(content))
    parameters, workspace = Parameters.load("params.yaml"), Workspace()
    assert parameters.task_section("upper_half").share == 0.4  # type: ignore[attr-defined]
    steps.prepare_annotations(parameters, workspace)
    steps.propose_regions(parameters, workspace)
    steps.train_detector(parameters, workspace)
    steps.train_rescorer(parameters, workspace)
    steps.detect_objects(parameters, workspace)
    for split in ("train", "val"):
        steps.extract_features(parameters, workspace, split)
    run(usage("upper_half"), DEFINITION=modules["upper_half"].DEFINITION)
    metrics = json.loads(workspace.metric("upper_half").read_text())
    assert 0.2 < metrics["mean_iou"] <= 1
    assert set(metrics["baseline_top_layer"]) == set(metrics["baseline_k1"]) == {"mean_iou"}
    page = workspace.report.read_text()
    assert '<section id="upper_half">' in page
    assert "upper half IoU" in page
    assert f"{metrics['mean_iou']:.3f}" in page


def test_every_format_that_parameters_accept_can_be_read_or_drawn() -> None:
    assert [*FORMATS] == FORMAT_NAMES[1:], "all but puppets"


@pytest.mark.parametrize("step", ["train_task", "predict_task", "predict_baselines", "evaluate_task"])
def test_a_step_refuses_an_unknown_task_before_it_looks_for_files(step: str, tmp_path: Path) -> None:
    for name in ("upper_half", "train"):  # the second is a section of the parameters, but not of a task
        with pytest.raises(InputError, match=f"There is no task '{name}'; choose {choices(TASKS)}"):
            getattr(steps, step)(Parameters(), Workspace.at(tmp_path), name)


@pytest.mark.parametrize("name", ["train", "../upper", ""], ids=["a section", "a path", "empty"])
def test_a_task_cannot_have_the_name_of_a_section_or_of_a_path(modules: dict[str, ModuleType], name: str) -> None:
    with pytest.raises(ValueError, match=f"a task cannot be called '{name}'"):
        register_task(replace(modules["upper_half"].DEFINITION, name=name))


def test_a_format_cannot_replace_the_built_in_data_set() -> None:
    with pytest.raises(ValueError, match="a format cannot be called 'puppets'"):
        register_format(replace(FORMATS["coco"], name="puppets"))


def test_a_task_that_is_not_registered_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=f"choose at least one of {choices(TASKS)}"):
        Parameters.model_validate({"tasks": ["upper_half"]})
    with pytest.raises(InputError, match=f"There is no task 'upper_half'; choose {choices(TASKS)}"):
        steps.evaluate_task(Parameters(), Workspace(), "upper_half")


def test_the_printed_format_is_read_as_it_was_drawn(modules: dict[str, ModuleType], tmp_path: Path) -> None:
    (tmp_path / "set/JPEGImages").mkdir(parents=True)
    for split, names in (("train", "ab"), ("val", "c")):
        lines = []
        for name in names:
            Picture.new("RGB", (60, 40), "white").save(tmp_path / f"set/JPEGImages/{name}.png")
            lines += [f"{name}.png,cat,10,5,30,25", f"{name}.png,dog,40,0,60,10"]
        (tmp_path / f"set/{split}.csv").write_text("\n".join(lines))
    dataset = {"format": "rectangles", "root": "set", "train": "train.csv", "val": "val.csv"}
    Path("params.yaml").write_text(yaml.safe_dump({"tasks": ["segmentation"], "dataset": dataset}))
    with pytest.raises(InputError, match=r"dataset\.format is 'rectangles'; choose"):
        Parameters.load("params.yaml")
    run(usage("rectangles"), FORMAT=modules["rectangles"].FORMAT)
    found = AnnotationSet.load(Workspace().annotations("train"))
    assert [(i.image_id, i.box, i.area) for i in found.instances] == [
        (1, (10, 5, 30, 25), 400),
        (1, (40, 0, 60, 10), 200),
        (2, (10, 5, 30, 25), 400),
        (2, (40, 0, 60, 10), 200),
    ]
    assert [c.name for c in found.categories] == ["cat", "dog"]


def test_photographs_in_both_splits_are_refused_with_the_advice_of_the_format(
    modules: dict[str, ModuleType], tmp_path: Path
) -> None:
    register_format(modules["rectangles"].FORMAT)
    (tmp_path / "JPEGImages").mkdir()
    Picture.new("RGB", (60, 40)).save(tmp_path / "JPEGImages/a.png")
    (tmp_path / "all.csv").write_text("a.png,cat,10,5,30,25")
    dataset = {"format": "rectangles", "root": str(tmp_path), "train": "all.csv", "val": "all.csv"}
    parameters = Parameters.model_validate({"tasks": ["segmentation"], "dataset": dataset})
    with pytest.raises(InputError, match=r"name different CSV files in dataset\.train and dataset\.val"):
        steps.prepare_annotations(parameters, Workspace())


def test_the_printed_backbone_has_its_layers(
    modules: dict[str, ModuleType], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "squeezenet" in modules
    run(usage("squeezenet"))
    assert capsys.readouterr().out.strip() == "[('stride4', 128, 4), ('stride16', 512, 16), ('pooled', 1000, 0)]"


def test_the_printed_parameters_of_any_model_are_valid() -> None:
    (parameters,) = code_blocks(DOCUMENT, "yaml")
    assert Parameters.model_validate(yaml.safe_load(parameters)).backbone.name == "timm:resnet18"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("keypoints", r"Keypoint(Task|Parameters)\b|judge_keypoints|pairs\.KEYPOINTS|^      - keypoints$|^keypoints:"),
        ("parts", r"Part(Task|Parameters)\b|judge_parts|pairs\.PARTS|^      - parts$|^parts:"),
    ],
)
def test_the_files_that_name_an_existing_task_are_those_of_the_list(name: str, words: str) -> None:
    text = (ROOT / DOCUMENT).read_text().split("## An annotation format")[0]
    listed = {row.replace("upper_half", name) for row in re.findall(r"^\| `([\w./]+)` \|", text, flags=re.MULTILINE)}
    files = [
        *(ROOT / "pipeline").rglob("*.py"),
        *(ROOT / "stages").glob("*.py"),
        ROOT / "dvc.yaml",
        ROOT / "params.yaml",
    ]
    naming = {str(f.relative_to(ROOT)) for f in files if re.search(words, f.read_text(), flags=re.MULTILINE)}
    reexported = {f"pipeline/hypercolumns/parameters/{file}.py" for file in ("__init__", "model")}  # and an example
    assert naming - reexported <= listed
