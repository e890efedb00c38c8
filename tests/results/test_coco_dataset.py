"""A COCO data set of results is read by this project and by pycocotools, and gives what was found."""

import json
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO

from hypercolumns.annotations import masks, readers
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.parameters import DatasetParameters
from tests.results import result_scenes as scenes

INSTANCES = "annotations/instances_default.json"


def read(out: Path, tasks: tuple[str, ...] = ("segmentation",), name: str = INSTANCES) -> AnnotationSet:
    """The whole data set, as the first stage reads it."""
    settings = DatasetParameters(format="coco", root=str(out), train=name, images="images/default", val_share=0.3)
    sets = readers.read_splits(settings, tasks)
    joined = sets["train"], sets["val"]
    return AnnotationSet(
        tuple(image for part in joined for image in part.images),
        sets["train"].categories,
        tuple(instance for part in joined for instance in part.instances),
        sets["train"].image_root,
    )


def content(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


@pytest.mark.parametrize("options", [{"tolerance": 0}, {"masks": "rle"}])
def test_our_reader_finds_every_pixel_again(tmp_path: Path, options: dict[str, Any]) -> None:
    out = scenes.convert(scenes.write(tmp_path), "coco-dataset", with_photographs=True, **options)
    found = read(out)
    assert {image.file_name for image in found.images} == set(scenes.NAMES)
    assert [(c.id, c.name) for c in found.categories] == [(7, "person"), (2, "car & <van>")]
    assert len(found.instances) == len(scenes.MASKS)
    expected = {(image, category): mask for (image, category, _), mask in scenes.MASKS.items()}
    for instance in found.instances:
        assert not instance.ignore
        mask = expected[instance.image_id, instance.category_id]
        np.testing.assert_array_equal(masks.decode(instance.segmentation), mask)


def test_pycocotools_reads_the_same_masks_boxes_and_areas(tmp_path: Path) -> None:
    out = scenes.convert(scenes.write(tmp_path), "coco-dataset", "labels.json", tolerance=0)
    with redirect_stdout(StringIO()):
        coco = COCO(str(out))
    assert sorted(coco.imgs) == sorted(scenes.IDS)
    annotations = coco.loadAnns(coco.getAnnIds())
    assert [a["id"] for a in annotations] == [1, 2, 3]
    for annotation, ((image, category, score), mask) in zip(annotations, scenes.MASKS.items(), strict=True):
        assert (annotation["image_id"], annotation["category_id"]) == (image, category)
        assert (annotation["score"], annotation["iscrowd"]) == (score, 0)
        np.testing.assert_array_equal(coco.annToMask(annotation).astype(bool), mask)
        assert annotation["area"] == mask.sum()
        assert annotation["bbox"] == scenes.bbox(mask)
        assert all(isinstance(p, list) and len(p) >= 6 and len(p) % 2 == 0 for p in annotation["segmentation"])


def test_every_field_of_coco_is_there(tmp_path: Path) -> None:
    """Tools look for some of them without asking whether they exist."""
    out = content(scenes.convert(scenes.write(tmp_path), "coco-dataset", "labels.json"))
    assert set(out) == {"info", "licenses", "images", "categories", "annotations"}
    (licence,) = out["licenses"]
    for image in out["images"]:
        assert {"id", "file_name", "width", "height", "license", "coco_url", "flickr_url", "date_captured"} == set(
            image
        )
        assert image["license"] == licence["id"]
    person, car = out["categories"]
    assert person == {**scenes.PERSON, "supercategory": ""}
    assert car == {**scenes.CAR, "supercategory": ""}


def test_keypoints_are_labelled_where_they_are_in_the_photograph_and_have_the_score(tmp_path: Path) -> None:
    folder = scenes.write(tmp_path, scenes.person_results())
    out = scenes.convert(folder, "coco-dataset", with_photographs=True)
    name = "annotations/person_keypoints_default.json"
    (annotation,) = content(out / name)["annotations"]
    assert annotation["keypoints"] == [12.5, 7.25, 2, 0, 0, 0]
    assert annotation["num_keypoints"] == 1
    assert annotation["bbox"] == [0, 3.5, 16, 10], "the part of the box that is in the photograph"
    assert (annotation["segmentation"], annotation["area"]) == ([], 160)
    (instance,) = read(out, ("keypoints",), name).instances
    assert instance.keypoints == (12.5, 7.25, 2, 0, 0, 0)
    high = content(scenes.convert(folder, "coco-dataset", "high.json", keypoint_score=0.81))
    assert high["annotations"][0]["num_keypoints"] == 0


def test_parts_come_back(tmp_path: Path) -> None:
    head, nothing = masks.encode(scenes.rectangle(6, 5, 9, 9)), masks.empty(scenes.HEIGHT, scenes.WIDTH)
    parts = [{"name": "head", "segmentation": head}, {"name": "torso", "segmentation": nothing}]
    found = [entry | {"parts": parts} for entry in scenes.results() if entry["category_id"] == 7]
    out = scenes.convert(scenes.write(tmp_path, found), "coco-dataset", with_photographs=True, tolerance=0)
    (instance,) = read(out, ("parts",)).instances
    assert [(part.name, part.segmentation) for part in instance.parts] == [("head", head)]
