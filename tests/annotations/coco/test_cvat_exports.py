"""COCO exports of CVAT, written as Datumaro's exporter writes them, give what was drawn."""

import json
import math

import numpy as np
import pytest
from PIL import Image, ImageDraw

from hypercolumns.annotations.usable import check_usable
from hypercolumns.errors import InputError
from hypercolumns.parameters import DatasetParameters
from tests.annotations import drawings
from tests.annotations.drawings import (
    CORNERS,
    HEIGHT,
    SCENES,
    TRAIN,
    VAL,
    WIDTH,
    coco,
    drawn,
    found,
    read,
    run_lengths,
    write,
)

# CVAT, "COCO 1.0" and "COCO Keypoints 1.0": annotations/<task>_<subset>.json, images/<subset>/


def cvat(names=tuple(SCENES), **fields) -> dict:
    """Content of instances_<subset>.json."""
    content = coco(names, **fields)
    for image in content["images"]:
        image |= {"license": 0, "flickr_url": "", "coco_url": "", "date_captured": 0}
    for annotation in content["annotations"]:
        annotation["attributes"] = {"occluded": False, "rotation": 0.0, "track_id": 0, "keyframe": True}
    for category in content["categories"]:
        category["supercategory"] = ""
    info = dict.fromkeys(("contributor", "date_created", "description", "url", "version", "year"), "")
    return {"licenses": [{"name": "", "id": 0, "url": ""}], "info": info} | content


def test_cvat_task_without_subsets(tmp_path):
    """A task has the subset "default"; some photographs are held out as val."""
    drawings.draw_all(tmp_path / "images/default")
    write(tmp_path / "annotations/instances_default.json", cvat())
    sets = read(tmp_path, train="annotations/instances_default.json", images="images/default", val_share=0.5)
    assert found(*sets.values()) == drawn()


def test_cvat_project_with_subsets_and_rectangles(tmp_path):
    """Each subset has a file and a folder of photographs; rectangles are boxes without masks."""
    drawings.draw_all(tmp_path / "images/Train", names=TRAIN)
    drawings.draw_all(tmp_path / "images/Validation", names=VAL)
    write(tmp_path / "annotations/instances_Train.json", cvat(TRAIN, segmentation=lambda _: []))
    write(tmp_path / "annotations/instances_Validation.json", cvat(VAL, segmentation=lambda _: []))
    sets = read(
        tmp_path,
        ["keypoints"],
        train="annotations/instances_Train.json",
        val="annotations/instances_Validation.json",
        images="images/Train",
        val_images="images/Validation",
    )
    assert found(sets["train"]) == drawn(names=TRAIN)
    assert found(sets["val"]) == drawn(names=VAL)
    assert not any(i.has_mask for i in sets["train"].instances)


@pytest.mark.parametrize("degrees", [30, 45.0, 90, 317.5])
def test_a_rectangle_turned_in_cvat_gives_the_box_around_what_was_drawn(tmp_path, degrees):
    """CVAT keeps the upright rectangle in `bbox` and the angle, clockwise about the centre, in the attributes."""
    x, y, width, height = 30, 24, 40, 10
    centre, turn = np.array([x + width / 2, y + height / 2]), math.radians(degrees)
    rotation = np.array([[math.cos(turn), math.sin(turn)], [-math.sin(turn), math.cos(turn)]])
    corners = (np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * [width / 2, height / 2]) @ rotation + centre
    canvas = Image.new("1", (WIDTH * 10, HEIGHT * 10))
    ImageDraw.Draw(canvas).polygon([tuple(corner) for corner in corners * 10], fill=1)
    drawings.draw_all(tmp_path / "images/default")
    content = cvat(bbox=lambda _: [x, y, width, height], segmentation=lambda _: [])
    for annotation in content["annotations"]:
        annotation["attributes"]["rotation"] = degrees
    write(tmp_path / "train.json", content)
    sets = read(tmp_path, train="train.json", images="images/default", val_share=0.5)
    for instance in sets["train"].instances:
        np.testing.assert_allclose(instance.box, np.array(canvas.getbbox()) / 10, atol=0.15)


def test_brush_masks_of_cvat_are_crowds_until_the_file_says_otherwise(tmp_path):
    """CVAT exports every mask as a run-length code of a crowd: the cure is named, and works."""
    drawings.draw_all(tmp_path / "images/default")
    content = cvat(segmentation=lambda s: run_lengths(s.mask), iscrowd=lambda _: 1)
    write(tmp_path / "train.json", content)
    settings = {"train": "train.json", "images": "images/default", "val_share": 0.5}
    sets = read(tmp_path, **settings)
    assert all(i.crowd for i in sets["train"].instances)
    assert sum(s.counts.get("brush_masks_marked_as_crowds", 0) for s in sets.values()) == 8
    with pytest.raises(InputError, match=r"are crowds.*CVAT marks every brush mask so: set iscrowd to 0"):
        check_usable(sets["train"], sets["val"], DatasetParameters(format="coco"))
    write(tmp_path / "train.json", json.dumps(content).replace('"iscrowd": 1', '"iscrowd": 0'))
    sets = read(tmp_path, **settings)
    assert found(*sets.values()) == drawn()
    check_usable(sets["train"], sets["val"], DatasetParameters(format="coco"))


def test_cvat_skeletons(tmp_path):
    """Occluded points are hidden, points outside the frame are unlabelled although they have coordinates."""
    drawings.draw_all(tmp_path / "images/default")
    visible = [2, 1, 0, 2]
    content = cvat(
        segmentation=lambda _: [],
        keypoints=lambda s: [v for (x, y), flag in zip(s.corners, visible, strict=True) for v in (x, y, flag)],
        num_keypoints=lambda _: 3,
    )
    for category in content["categories"]:
        category |= {"keypoints": list(CORNERS), "skeleton": [[1, 2], [2, 3], [3, 4], [4, 1]]}
    write(tmp_path / "annotations/person_keypoints_default.json", content)
    name = "annotations/person_keypoints_default.json"
    sets = read(tmp_path, ["keypoints"], train=name, images="images/default", val_share=0.5)
    assert found(*sets.values()) == drawn()
    for annotations in sets.values():
        assert annotations.categories[0].skeleton == ((1, 2), (2, 3), (3, 4), (4, 1))
        for image in annotations.images:
            for i, s in zip(annotations.instances_by_image[image.id], SCENES[image.file_name], strict=True):
                a, b, _, d = s.corners
                assert i.keypoints == (*a, 2, *b, 1, 0, 0, 0, *d, 2)
