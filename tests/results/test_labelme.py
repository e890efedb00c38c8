"""Labelme's files have the fields that Labelme writes, and shapes that give what was found."""

import json
from pathlib import Path

import numpy as np

from hypercolumns.annotations import masks
from tests.results import result_scenes as scenes
from tests.results.test_polygons import united


def content(out: Path, stem: str) -> dict:
    return json.loads((out / f"{stem}.json").read_text())


def test_an_object_is_one_polygon_that_encloses_its_pixels(tmp_path: Path) -> None:
    out = scenes.convert(scenes.write(tmp_path), "labelme", tolerance=0, with_photographs=True)
    file = content(out, "a")
    assert set(file) == {"version", "flags", "shapes", "imagePath", "imageData", "imageHeight", "imageWidth"}
    assert (file["imageData"], file["imageHeight"], file["imageWidth"]) == (None, scenes.HEIGHT, scenes.WIDTH)
    expected = [("person", scenes.RING), ("car & <van>", scenes.COVERED)]
    for group, (name, mask) in enumerate(expected, start=1):
        shapes = [shape for shape in file["shapes"] if shape["group_id"] == group]
        assert [(shape["label"], shape["shape_type"]) for shape in shapes] == [(name, "polygon")]
        found = united([np.array(shape["points"]) for shape in shapes], mask.shape)
        np.testing.assert_array_equal(found, mask)
    assert content(out, "garden/d/c")["shapes"] == []


def test_every_file_names_the_photograph_beside_it(tmp_path: Path) -> None:
    out = scenes.convert(scenes.write(tmp_path), "labelme", with_photographs=True)
    files = sorted(out.rglob("*.json"))
    assert len(files) == len(scenes.NAMES)
    for path in files:
        assert (path.parent / json.loads(path.read_text())["imagePath"]).is_file()


def test_keypoints_are_points_and_boxes_without_masks_rectangles(tmp_path: Path) -> None:
    out = scenes.convert(scenes.write(tmp_path, scenes.person_results()), "labelme")
    box, nose = content(out, "garden/b")["shapes"]
    assert (box["label"], box["shape_type"], box["points"]) == ("person", "rectangle", [[0, 3.5], [16, 13.5]])
    assert (nose["label"], nose["shape_type"], nose["points"]) == ("nose", "point", [[12.5, 7.25]])
    assert box["group_id"] == nose["group_id"]


def test_parts_are_shapes_of_their_name(tmp_path: Path) -> None:
    part = {"name": "head", "segmentation": masks.encode(scenes.rectangle(6, 5, 9, 9))}
    out = scenes.convert(scenes.write(tmp_path, [scenes.results()[0] | {"parts": [part]}]), "labelme", tolerance=0)
    shapes = content(out, "a")["shapes"]
    assert [shape["label"] for shape in shapes] == ["person", "head"]
    assert shapes[-1]["points"] == [[6, 5], [9, 5], [9, 9], [6, 9]]
