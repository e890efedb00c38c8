"""YOLO labels, read line by line as Ultralytics documents them, give what was found."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from hypercolumns.errors import InputError
from tests.results import result_scenes as scenes
from tests.results.test_polygons import filled

SIZE = np.array([scenes.WIDTH, scenes.HEIGHT])


def lines(out: Path, stem: str) -> list[list[float]]:
    text = (out / f"labels/train/{stem}.txt").read_text()
    return [[float(value) for value in line.split(" ")] for line in text.splitlines()]


def test_a_line_is_a_class_and_one_polygon_with_all_components(tmp_path: Path) -> None:
    out = scenes.convert(scenes.write(tmp_path), "yolo", tolerance=0, with_photographs=True)
    expected = {"a": [(0, scenes.RING), (1, scenes.COVERED)], "garden/b": [(1, scenes.PIECES)], "garden/d/c": []}
    for stem, objects in expected.items():
        found = lines(out, stem)
        assert len(found) == len(objects)
        for (number, *shares), (category, mask) in zip(found, objects, strict=True):
            assert number == category
            assert 0 <= min(shares) <= max(shares) <= 1
            polygon = np.round(np.reshape(shares, (-1, 2)) * SIZE, 3)  # six digits are written
            np.testing.assert_array_equal(filled(polygon, *mask.shape), mask)
    for name in scenes.NAMES:
        copied = out / "images/train" / name
        assert copied.read_bytes() == (tmp_path / "photographs" / name).read_bytes()
        assert (out / "labels/train" / name).with_suffix(".txt").exists(), "Ultralytics replaces images by labels"


def test_the_data_file_names_folders_and_classes(tmp_path: Path) -> None:
    out = scenes.convert(scenes.write(tmp_path), "yolo")
    assert yaml.safe_load((out / "data.yaml").read_text()) == {
        "train": "images/train",
        "val": "images/train",
        "names": {0: "person", 1: "car & <van>"},
    }


def test_keypoints_make_a_pose_data_set(tmp_path: Path) -> None:
    """Class, centre and size of the box, then x, y and visibility of each keypoint."""
    out = scenes.convert(scenes.write(tmp_path, scenes.person_results()), "yolo")
    assert yaml.safe_load((out / "data.yaml").read_text())["kpt_shape"] == [2, 3]
    ((number, *values),) = lines(out, "garden/b")
    expected = [8 / 60, 8.5 / 48, 16 / 60, 10 / 48, 12.5 / 60, 7.25 / 48, 2, 0, 0, 0]
    assert number == 0
    np.testing.assert_allclose(values, expected, atol=1e-6)


def test_boxes_alone_make_a_detection_data_set(tmp_path: Path) -> None:
    found = [{key: entry[key] for key in ("image_id", "category_id", "bbox", "score")} for entry in scenes.results()]
    out = scenes.convert(scenes.write(tmp_path, found), "yolo")
    np.testing.assert_allclose(lines(out, "garden/b"), [[1, 48 / 60, 16.5 / 48, 16 / 60, 29 / 48]], atol=1e-6)


@pytest.mark.parametrize("to", ["yolo", "labelme", "voc"])
def test_photographs_whose_labels_would_be_one_file_are_refused(tmp_path: Path, to: str) -> None:
    annotated = scenes.annotations()
    annotated["images"][1]["file_name"] = "A.png"
    with pytest.raises(InputError, match=r"'a\.jpg' and 'A\.png' would both have the results 'A'"):
        scenes.convert(scenes.write(tmp_path, annotated=annotated), to)
