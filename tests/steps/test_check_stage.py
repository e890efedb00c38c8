"""The stage `check` refuses what a later stage could not use, before anything is computed, and counts what will be."""

import json
import shutil
import sys
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from hypercolumns import Workspace, steps
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.backbones import create_backbone
from hypercolumns.cli.check import main
from hypercolumns.features.extraction import block_shapes
from hypercolumns.grid import training
from hypercolumns.parameters import BackboneParameters
from hypercolumns.parameters.backbone import LAYERS
from hypercolumns.steps import check_pipeline, cost, data_set
from tests.annotations import annotation_layouts as layouts

PUPPETS = {"puppets": {"train_images": 1, "val_images": 1, "width": 96, "height": 96}}
COCO = {"format": "coco", "root": "coco", "train": "train.json", "val": "val.json", "images": "photographs"}


@pytest.fixture
def run(run_stage):
    """Run `check` with the given data set section, in an empty folder."""
    return partial(run_stage, "check")


def make_coco(**changes) -> None:
    """Write a COCO data set whose val has the second photograph; `changes` go into every annotation."""
    content = layouts.coco_content()
    layouts.make_coco(Path("coco"), content)
    for split, image in (("train", 0), ("val", 1)):
        image_id = content["images"][image]["id"]
        annotations = [a | changes for a in content["annotations"] if a["image_id"] == image_id]
        split_content = content | {"images": content["images"][image : image + 1], "annotations": annotations}
        Path(f"coco/{split}.json").write_text(json.dumps(split_content))


def test_a_passed_check_says_so_with_the_same_bytes_every_time(run):
    """DVC runs the stages after it again only when its file changes."""
    make_coco()
    for sections in ({}, {"train": {"grid": 3}}):
        assert run(COCO, **sections).exit_code == 0
        assert Path("data/checks/data.txt").read_text() == "The data passed all checks.\n"


def test_prepare_takes_over_what_check_has_read(run, run_stage, monkeypatch):
    """Reading twice would take minutes for large data sets; a change of the data is noticed."""
    make_coco()
    assert run(COCO).exit_code == 0

    def refuse(*_):
        raise AssertionError

    with monkeypatch.context() as patch:
        patch.setattr(data_set, "read_annotations", refuse)
        assert run_stage("prepare", COCO).exit_code == 0
        assert run(COCO, train={"grid": 3}).exit_code == 0, "another grid does not change the data set"
    assert len(AnnotationSet.load("data/annotations/train.json").instances) == 2
    content = json.loads(Path("coco/train.json").read_text())
    content["annotations"].pop()
    Path("coco/train.json").write_text(json.dumps(content))
    assert run_stage("prepare", COCO).exit_code == 0
    assert len(AnnotationSet.load("data/annotations/train.json").instances) == 1
    assert len(list(Path(".scratch/data-set").iterdir())) == 1, "only the newest reading is kept"


def test_the_cost_of_the_run_is_estimated(run):
    """Regions are instances, one proposal for each, and detections; a dry run gives the same and writes nothing."""
    make_coco()
    result = run(COCO, detection={"max_per_image": 7}, regions={"minimum_area": 20})
    assert result.exit_code == 0, result.output
    assert "train: 1 photographs, at most 4 regions; val: 1 photographs, at most 8 regions" in result.output
    assert "features" in result.output
    assert "extract" in result.output


def bytes_below(folder: Path, *, but: str = "") -> int:
    return sum(f.stat().st_size for f in folder.rglob("*") if f.is_file() and but not in f.relative_to(folder).parts)


@pytest.mark.parametrize("kind", ["warped", "pooled"])
def test_the_estimate_of_bytes_is_within_a_factor_of_two(kind, request, tmp_path, monkeypatch):
    """Of the stores that a finished run has left, and of `.scratch` while the training data lie there."""
    project = request.getfixturevalue(kind)
    estimated = check_pipeline(project.parameters, project.workspace, dry=True).bytes_on_disk
    measured = {name: bytes_below(project.folder / "data" / name) for name in ("features", "proposals")}

    for name in ("data", ".scratch"):
        shutil.copytree(project.folder / name, tmp_path / name)
    shutil.rmtree(tmp_path / ".scratch/train", ignore_errors=True)
    peaks, fit = [], training._fit_units

    def fit_and_measure(*arguments):
        fit(*arguments)
        # The last stores lie there as links to the files below `data`.
        peaks.append(bytes_below(tmp_path / ".scratch", but="extract"))

    monkeypatch.setattr(training, "_fit_units", fit_and_measure)
    for task in project.parameters.tasks:
        steps.train_task(project.parameters, Workspace.at(tmp_path), task)
    for name, size in (measured | {"scratch": max(peaks)}).items():
        assert size / 2 < estimated[name] < 2 * size, f"{name}: {estimated[name]} estimated, {size} measured"


def test_a_dry_run_writes_nothing(run, tmp_path):
    """`hypercolumns check --dry` may be tried before there is any folder."""
    make_coco()
    run({"format": "coco", "root": "nowhere"})  # leaves the parameter file
    (tmp_path / "params.yaml").write_text(json.dumps({"tasks": ["segmentation"], "dataset": COCO}))
    before = sorted(tmp_path.rglob("*"))
    result = CliRunner().invoke(main, ["--dry"])
    assert result.exit_code == 0, result.output
    assert "train: 1 photographs" in result.output
    assert sorted(tmp_path.rglob("*")) == before


def test_a_dry_run_finds_photographs_that_are_missing_or_of_another_size(tmp_path, monkeypatch):
    """Their headers are read; only what needs decoding is left to the real check."""
    monkeypatch.chdir(tmp_path)
    make_coco()
    (tmp_path / "params.yaml").write_text(json.dumps({"tasks": ["segmentation"], "dataset": COCO}))
    layouts.write_photograph(Path("coco/photographs/first.jpg"), width=41)
    Path("coco/photographs/second.jpg").unlink()
    result = CliRunner().invoke(main, ["--dry"])
    assert result.exit_code == 1
    assert "40 x 30 pixels, but its photograph is 41 x 30" in result.output
    assert "second.jpg does not exist" in result.output


def test_names_that_change_places_in_a_mirror_are_said(run, caplog):
    caplog.set_level("INFO")
    dataset = {"puppets": PUPPETS["puppets"] | {"train_images": 4}}
    assert run(dataset, tasks=["segmentation", "keypoints"], regions={"mirrored": True}).exit_code == 0
    assert "change places: left_eye and right_eye, " in caplog.text
    caplog.clear()
    assert run(dataset, tasks=["segmentation"], regions={"mirrored": True}).exit_code == 0
    assert "change places" not in caplog.text


def test_categories_that_cannot_train_are_said(run, caplog):
    """They are not detected; `detect` would say so minutes later."""
    make_coco()
    assert run(COCO, regions={"minimum_area": 100}).exit_code == 0
    assert "No instance of person can train" in caplog.text


@pytest.mark.parametrize(
    ("sections", "complaint"),
    [
        ({"tasks": ["keypoints"]}, "tasks names keypoints, but none of the 2 instances that can train is annotated"),
        ({"tasks": ["segmentation", "parts"]}, "The annotations suffice for tasks: [segmentation]."),
        ({"regions": {"minimum_area": 500}}, "regions.minimum_area is 500"),
        ({"regions": {"minimum_area": 500}}, "have 70 to 300 pixels; choose at most 300"),
        ({"regions": {"minimum_area": 100}, "wanted": ["car", "person"]}, "dataset.categories names 'person'"),
        ({"regions": {"minimum_area": 100}, "train": {"sharing": "per_category"}}, "train.sharing is per_category"),
        ({"detection": {"source": "file", "file": "no.json"}}, "detection.file is 'no.json'"),
        ({"detection": {"source": "file", "file": "coco/train.json"}}, "must hold a list of COCO results"),
        ({"backbone": {"weights": "file", "file": "no.pt"}}, "backbone.file is 'no.pt'"),
        ({"compute": {"device": "cuda"}}, "compute.device is 'cuda'"),
        ({"compute": {"scheduler": "tcp://127.0.0.1:9"}}, "no Dask scheduler answers at tcp://127.0.0.1:9"),
        ({"train": {"grid": 99}}, "train.grid is 99"),
    ],
)
def test_what_a_later_stage_could_not_use_is_refused(run, sections, complaint):
    """One paragraph names the key and what could be chosen."""
    make_coco()
    tasks, wanted = sections.pop("tasks", ["segmentation"]), sections.pop("wanted", [])
    result = run(COCO | {"categories": wanted}, tasks=tasks, **{"regions": {"minimum_area": 20}, **sections})
    assert result.exit_code == 1
    assert complaint in result.output
    assert "Traceback" not in result.output
    assert not Path("data").exists()


def test_tasks_need_an_instance_that_has_what_they_learn_from(run):
    """A category that lists keypoints which no instance has is not enough."""
    make_coco()
    for split in ("train", "val"):
        path = Path(f"coco/{split}.json")
        content = json.loads(path.read_text())
        content["categories"][0] |= {"keypoints": ["nose"], "parts": ["head"]}
        content["annotations"][0]["keypoints"] = [0, 0, 0]
        path.write_text(json.dumps(content))
    for task in ("keypoints", "parts"):
        result = run(COCO, tasks=[task], regions={"minimum_area": 20})
        assert result.exit_code == 1
        assert f"tasks names {task}, but none of the 2 instances" in result.output


def test_boxes_without_masks_cannot_train_masks(run):
    """They train keypoints and detectors; the task `segmentation` is refused."""
    make_coco(segmentation=None, bbox=[3, 4, 20, 20], area=None)
    result = run(COCO)
    assert result.exit_code == 1
    assert "tasks names segmentation" in result.output
    for split in ("train", "val"):
        path = Path(f"coco/{split}.json")
        content = json.loads(path.read_text())
        content["categories"][0]["keypoints"] = ["nose"]
        for annotation in content["annotations"]:
            annotation |= {"category_id": layouts.CAR, "keypoints": [5, 6, 2]}
        path.write_text(json.dumps(content))
    assert run(COCO, tasks=["keypoints"]).exit_code == 0


@pytest.mark.parametrize("source", ["ground_truth", "file"])
def test_a_val_split_without_any_box_is_refused(run, source):
    """There would be nothing to predict on."""
    make_coco()
    content = json.loads(Path("coco/val.json").read_text())
    Path("coco/val.json").write_text(json.dumps(content | {"annotations": []}))
    Path("none.json").write_text("[]")
    result = run(COCO, detection={"source": source, "file": "none.json"})
    assert result.exit_code == 1
    assert f"detection.source is {source}, which gives no box in val" in result.output
    assert run(COCO).exit_code == 0, "the detector finds boxes of its own"


@pytest.mark.parametrize(
    ("backbone", "complaint"),
    [
        ({"name": "torchvision:resnet5"}, "torchvision has no model 'resnet5'"),
        ({"name": "torchvision:squeezenet1_1", "layers": ["features.99"]}, "has no layer 'features.99'"),
        ({"name": "torchvision:squeezenet1_1", "layers": ["features.6", "features.3"]}, "[features.3, features.6]"),
        (
            {"name": "torchvision:squeezenet1_1", "layers": ["features.3"]},
            "detection.layers: torchvision:squeezenet1_1",
        ),
        ({"name": "alexnet", "weights": "packaged", "layers": ["pool2"]}, "no installed package ships weights"),
    ],
)
def test_an_unusable_network_is_refused_before_anything_is_read(run, backbone, complaint):
    """Otherwise the error would come from `detect`, minutes later."""
    detection = {"layers": ["pool5"]} if backbone["name"] == "alexnet" else {}
    sections = {"backbone": {"weights": "random"} | backbone, "detection": detection}
    result = run(PUPPETS, **sections)
    assert result.exit_code == 1
    assert complaint in result.output
    assert not Path("data").exists()
    assert not Path(".scratch").exists()


def test_checking_the_default_network_does_not_import_torch(run, monkeypatch):
    """Importing torch takes seconds, and every change of a parameter is checked."""
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "hypercolumns.backbones", None)
    assert run(PUPPETS).exit_code == 0
    assert run(PUPPETS, "--parameters").exit_code == 0


def test_the_recorded_shapes_of_the_default_network_are_right():
    """The estimate of the cost uses them instead of building the network."""
    layers = LAYERS[BackboneParameters().name]
    assert block_shapes(create_backbone(BackboneParameters(layers=layers), 0)) == cost._SHAPES


@pytest.mark.parametrize(
    ("sections", "complaint"),
    [
        ({"detection": {"layers": ["stage4", "pooled"]}}, "detection.layers names 'pooled'"),
        (
            {
                "backbone": {"name": "vgg16", "weights": "random", "layers": ["pool5", "fc7"]},
                "detection": {"layers": ["pool5"]},
                "regions": {"mode": "image"},
            },
            "'fc7' of vgg16 is a single vector",
        ),
        (
            {
                "backbone": {
                    "name": "timm:mixer_s32_224",
                    "weights": "random",
                    "layers": ["blocks.3"],
                },
                "detection": {"layers": ["blocks.3"]},
            },
            "takes images of 224 x 224",
        ),
    ],
)
def test_layers_that_cannot_see_whole_photographs_are_refused(run, sections, complaint):
    """`detect`, and `extract` in the mode image, would notice it only after `propose`."""
    result = run(PUPPETS, **sections)
    assert result.exit_code == 1
    assert complaint in result.output


def test_a_home_folder_is_expanded(run, monkeypatch, tmp_path):
    """`~` stands for the home folder, except for DVC, which does not expand it and would not find the folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    make_coco()
    assert run(COCO | {"root": "~/coco"}).exit_code == 0
    monkeypatch.setenv("DVC_STAGE", "check-parameters")
    result = run(COCO | {"root": "~/coco"}, "--parameters")
    assert result.exit_code == 1
    assert f"dataset.root is '~/coco', and DVC does not expand ~; write '{tmp_path}/coco'." in result.output


def test_a_missing_folder_is_told_by_its_key(run):
    """With the absolute path that was looked for."""
    result = run(COCO | {"root": "nowhere"}, "--parameters")
    assert result.exit_code == 1
    assert f"dataset.root is 'nowhere', but there is no such folder ({Path.cwd()}/nowhere)" in result.output
