"""The stage `prepare` writes everything or nothing, and says in one paragraph what is wrong."""

import shutil
from functools import partial

import pytest

from hypercolumns.annotations.model import AnnotationSet
from tests.annotations import annotation_layouts as layouts

SPLIT_STEMS = (layouts.STEMS[:1], layouts.STEMS[1:])
"""Stems of the photographs in train and in val."""


def write_lists(root):
    """Write a list of photographs for each split; return the parameters that name them."""
    for split, stems in zip(("train", "val"), SPLIT_STEMS, strict=True):
        layouts.write_list(root / f"{split}.txt", stems)
    return {"train_list": "train.txt", "val_list": "val.txt"}


@pytest.fixture
def run(run_stage):
    """Run `prepare` with the given data set section, in an empty folder."""
    return partial(run_stage, "prepare")


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
    result = run(dataset | write_lists(tmp_path / "parts"), tasks=["keypoints", "parts"])
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
        ({"puppets": {"width": 10}}, "it must be from 96 to 8192"),
    ],
)
def test_bad_parameters_end_with_one_paragraph(run, tmp_path, dataset, complaint):
    result = run(dataset)
    assert result.exit_code == 1
    assert complaint in result.output
    assert not (tmp_path / "data/annotations").exists()


def test_skip_bad_leaves_out_and_counts_malformed_objects(run, tmp_path):
    layouts.make_voc(tmp_path / "voc", ("second", "first"), ("third",))
    for folder, suffix in (("JPEGImages", "jpg"), ("SegmentationObject", "png"), ("SegmentationClass", "png")):
        shutil.copy(tmp_path / f"voc/{folder}/first.{suffix}", tmp_path / f"voc/{folder}/third.{suffix}")
    (tmp_path / "voc/SegmentationObject/second.png").write_bytes(b"broken")
    dataset = {"format": "voc", "root": "voc"}
    assert run(dataset).exit_code == 1
    skipping = run(dataset | {"skip_bad": True})
    assert skipping.exit_code == 0, skipping.output
    assert "1 image, 2 instances" in skipping.output
    assert "left out: malformed images 1" in skipping.output


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
        (
            {"minimum_area": 10_000},
            "2 are difficult (dataset.minimum_area is 10000; the largest has 300 pixels), and these neither train",
        ),
        ({"categories": ["dog"]}, "its 2 objects are of categories that dataset.categories does not name"),
    ],
)
def test_a_train_split_without_trainable_instances_is_refused(run, tmp_path, change, complaint):
    layouts.make_voc(tmp_path / "voc", *SPLIT_STEMS)
    result = run({"format": "voc", "root": "voc"} | change)
    assert result.exit_code == 1
    assert complaint in result.output
    assert not (tmp_path / "data/annotations").exists()


def test_metrics_and_plots_of_tasks_that_are_left_out_are_deleted(run, tmp_path):
    kept = ["metrics/proposals.json", "metrics/segmentation.json", "plots/segmentation/pr_50.json"]
    stale = ["metrics/parts.json", "metrics/parts_summary.json", "plots/parts/pr_50.json"]
    for name in (*kept, *stale):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("{}")
    result = run({"puppets": {"train_images": 2, "val_images": 1, "width": 96, "height": 96}}, tasks=["segmentation"])
    assert result.exit_code == 0, result.output
    assert all((tmp_path / name).exists() for name in kept)
    assert not any((tmp_path / name).exists() for name in stale)
