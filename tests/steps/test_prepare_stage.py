"""The stage `prepare` writes everything or nothing, and says in one paragraph what is wrong."""

import json
import shutil
import sys

import pytest
import yaml
from click.testing import CliRunner

from hypercolumns.annotations.model import AnnotationSet
from stages.prepare import main
from tests.annotations import annotation_layouts as layouts

SPLIT_STEMS = (layouts.STEMS[:1], layouts.STEMS[1:])
"""Stems of the photographs in train and in val."""


def write_lists(root):
    """Write a list of photographs for each split; return the parameters that name them."""
    for split, stems in zip(("train", "val"), SPLIT_STEMS, strict=True):
        layouts.write_list(root / f"{split}.txt", stems)
    return {"train_list": "train.txt", "val_list": "val.txt"}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run the stage with the given data set section, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def prepare(dataset, *options, tasks=("segmentation",), **sections):
        content = {"tasks": list(tasks), "dataset": dataset} | sections
        (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
        return CliRunner().invoke(main, list(options))

    return prepare


def test_drawn_photographs_go_to_the_images_folder(run, tmp_path):
    result = run({"puppets": {"train_images": 2, "val_images": 1, "width": 96, "height": 96}})
    assert result.exit_code == 0, result.output
    assert "2 images" in result.output
    train = AnnotationSet.load(tmp_path / "data/annotations/train.json")
    assert train.image_root == "data/images"
    assert all(train.image_path(image).exists() for image in train.images)
    assert sorted(file.name for file in (tmp_path / "data/images").iterdir()) == [
        "train_00001.jpg",
        "train_00002.jpg",
        "val_00001.jpg",
    ]
    assert sorted(file.name for file in (tmp_path / "data").iterdir()) == ["annotations", "images"]


def test_another_format_replaces_the_drawn_photographs(run, tmp_path):
    run({"puppets": {"train_images": 1, "val_images": 1, "width": 96, "height": 96}})
    layouts.make_voc(tmp_path / "voc", *SPLIT_STEMS)
    result = run({"format": "voc", "root": "voc"})
    assert result.exit_code == 0, result.output
    assert [file.name for file in (tmp_path / "data/images").iterdir()] == ["README"]
    assert AnnotationSet.load(tmp_path / "data/annotations/val.json").image_root == "voc/JPEGImages"


def test_keypoints_and_parts_are_counted(run, tmp_path):
    layouts.make_pascal_part(tmp_path / "parts")
    (tmp_path / "parts/points").mkdir()
    (tmp_path / "parts/points/one.xml").write_text(
        "<annotation><image>first</image><category>person</category>"
        '<visible_bounds xmin="4" ymin="5" width="8" height="10"/>'
        '<keypoints><keypoint name="Nose" x="6" y="7" visible="1"/></keypoints></annotation>'
    )
    (tmp_path / "parts/points/two.xml").write_text(
        '<annotation><image>second</image><category>person</category><visible_bounds xmin="0" ymin="0" width="2" '
        'height="2"/><keypoints><keypoint name="Nose" x="1" y="1" visible="1"/></keypoints></annotation>'
    )
    dataset = {"format": "pascal_part", "root": "parts", "keypoints": "points", "part_names": {"leg": ["?uleg"]}}
    result = run(dataset | write_lists(tmp_path / "parts"))
    assert result.exit_code == 0, result.output
    assert "2 instances, 0 difficult, 0 crowd, 1 with keypoints, 2 parts" in result.output
    person = AnnotationSet.load(tmp_path / "data/annotations/train.json").instances[0]
    assert ([part.name for part in person.parts], person.keypoints) == (["leg", "head"], (6, 7, 2))


def test_an_error_leaves_earlier_annotations_untouched(run, tmp_path):
    layouts.make_voc(tmp_path / "voc", *SPLIT_STEMS)
    run({"format": "voc", "root": "voc"})
    before = (tmp_path / "data/annotations/train.json").read_bytes()
    photograph = tmp_path / "voc/JPEGImages/second.jpg"
    photograph.write_bytes(photograph.read_bytes()[:400])
    result = run({"format": "voc", "root": "voc"})
    assert result.exit_code == 1
    assert "second.jpg cannot be read" in result.output
    assert "Traceback" not in result.output
    assert (tmp_path / "data/annotations/train.json").read_bytes() == before
    assert sorted(file.name for file in (tmp_path / "data").iterdir()) == ["annotations", "images"]


@pytest.mark.parametrize(
    ("dataset", "complaint"),
    [
        ({"format": "voc", "root": "nowhere"}, "nowhere"),
        ({"format": "sbd", "root": "nowhere"}, "nowhere"),
        ({"format": "coco", "root": "nowhere"}, "nowhere"),
        ({"format": "pascal"}, "dataset.format is 'pascal'; choose coco, "),
        ({"categories": ["dog"]}, "car, horse, person"),
        ({"puppets": {"width": 10}}, "it must be at least 96"),
    ],
)
def test_bad_parameters_end_with_one_paragraph(run, tmp_path, dataset, complaint):
    result = run(dataset)
    assert result.exit_code == 1
    assert complaint in result.output
    assert not (tmp_path / "data/annotations").exists()


def test_tasks_without_annotations_are_refused(run, tmp_path):
    layouts.make_voc(tmp_path / "voc", *SPLIT_STEMS)
    result = run({"format": "voc", "root": "voc"}, tasks=("keypoints", "segmentation", "parts"))
    assert result.exit_code == 1
    assert "tasks names keypoints, parts" in result.output
    assert "choose tasks: [segmentation]" in result.output
    assert not (tmp_path / "data/annotations/train.json").exists()


@pytest.mark.parametrize(
    ("key", "complaint"),
    [
        ("name", f"train has {layouts.PERSON} (person), val has {layouts.PERSON} (walker)"),
        ("keypoints", f"different keypoints of {layouts.PERSON} (person): train has left, right; val has right, left"),
        ("parts", f"different parts of {layouts.PERSON} (person): train has left, right; val has right, left"),
    ],
)
def test_splits_with_different_targets_are_refused(run, tmp_path, key, complaint):
    """A different order is refused too, since models identify targets by position."""
    content = layouts.coco_content()
    categories = [{"id": layouts.PERSON, "name": "person"}, {"id": layouts.CAR, "name": "car"}]
    layouts.make_coco(tmp_path / "coco", content)
    values = ("person", "walker") if key == "name" else (["left", "right"], ["right", "left"])
    for split, value in zip(("train", "val"), values, strict=True):
        changed = content | {"categories": [categories[0] | {key: value}, categories[1]]}
        (tmp_path / "coco" / f"{split}.json").write_text(json.dumps(changed))
    dataset = {"format": "coco", "root": "coco", "train": "train.json", "val": "val.json", "images": "photographs"}
    dataset |= write_lists(tmp_path / "coco")
    result = run(dataset)
    assert result.exit_code == 1
    assert complaint in " ".join(result.output.split())
    assert not (tmp_path / "data/annotations/train.json").exists()
    (tmp_path / "coco/val.json").write_text((tmp_path / "coco/train.json").read_text())
    assert run(dataset).exit_code == 0


def test_skip_bad_leaves_out_and_counts_malformed_objects(run, tmp_path):
    layouts.make_voc(tmp_path / "voc", ("second", "first"), ("third",))
    for folder, suffix in (("JPEGImages", "jpg"), ("SegmentationObject", "png"), ("SegmentationClass", "png")):
        shutil.copy(tmp_path / f"voc/{folder}/first.{suffix}", tmp_path / f"voc/{folder}/third.{suffix}")
    shutil.copy(tmp_path / "voc/Annotations/first.xml", tmp_path / "voc/Annotations/third.xml")
    (tmp_path / "voc/SegmentationObject/second.png").write_bytes(b"broken")
    dataset = {"format": "voc", "root": "voc"}
    assert run(dataset).exit_code == 1
    skipping = run(dataset, "--skip-bad")
    assert skipping.exit_code == 0, skipping.output
    assert (
        "1 images, 2 instances, 0 difficult, 0 crowd, 0 with keypoints, 0 parts, 1 malformed images left out"
        in skipping.output
    )
    assert run(dataset | {"skip_bad": True}).exit_code == 0
    assert run(dataset | {"skip_bad": True}, "--no-skip-bad").exit_code == 1


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
def test_an_unusable_network_is_refused_before_anything_is_read(run, tmp_path, backbone, complaint):
    """Otherwise the error would come from `detect`, minutes later."""
    detection = {"layers": ["pool5"]} if backbone["name"] == "alexnet" else {}
    sections = {"backbone": {"weights": "random"} | backbone, "detection": detection}
    result = run({"puppets": {"train_images": 1, "val_images": 1, "width": 96, "height": 96}}, **sections)
    assert result.exit_code == 1
    assert complaint in result.output
    assert not (tmp_path / "data").exists()


def test_checking_the_default_network_does_not_import_torch(run, monkeypatch):
    """Importing torch takes seconds, and the default weights are always installed."""
    monkeypatch.setitem(sys.modules, "hypercolumns.backbones", None)
    assert run({"puppets": {"train_images": 1, "val_images": 1, "width": 96, "height": 96}}).exit_code == 0


@pytest.mark.parametrize(
    ("dataset", "advice"),
    [
        ({"format": "voc", "val": "train"}, "dataset.train and dataset.val"),
        ({"format": "sbd", "val": "train"}, "dataset.train and dataset.val"),
        ({"format": "coco", "train": "train.json", "val": "val.json", "images": "photographs"}, "annotation files"),
        ({"format": "pascal_part"}, "dataset.train_list and dataset.val_list"),
        ({"format": "pascal_part", "val_list": "val.txt"}, "dataset.train_list and dataset.val_list"),
    ],
)
def test_a_photograph_in_both_splits_is_refused(run, tmp_path, dataset, advice):
    """Metrics would be measured on training data."""
    root = tmp_path / dataset["format"]
    getattr(layouts, f"make_{dataset['format']}")(root)
    write_lists(root)
    result = run(dataset | {"root": str(root)})
    assert result.exit_code == 1
    assert "photographs of val are also in train, such as" in result.output
    assert advice in result.output
    assert not (tmp_path / "data/annotations").exists()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"minimum_area": 10_000}, "none of the 2 instances of train is usable"),
        ({"categories": ["dog"]}, "none of the 0 instances of train is usable"),
        ({"categories": ["dog"]}, "Left out were 2 other categories"),
    ],
)
def test_a_train_split_without_trainable_instances_is_refused(run, tmp_path, change, complaint):
    layouts.make_voc(tmp_path / "voc", *SPLIT_STEMS)
    result = run({"format": "voc", "root": "voc"} | change)
    assert result.exit_code == 1
    assert complaint in result.output
    assert not (tmp_path / "data/annotations").exists()
