"""Keypoints and parts on the page: metrics beside their baselines, pictures of truth and prediction."""

import base64
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.annotations import masks
from pipeline.annotations.model import AnnotationSet, Category, Image, Instance, Part
from pipeline.errors import InputError
from pipeline.parameters import Parameters
from pipeline.reporting.pairs import keypoint_pairs, palette, part_pairs
from pipeline.reporting.task_sections import task_sections

PARAMETERS = Parameters(tasks=("segmentation", "keypoints", "parts"))


def rectangle(x0, y0, x1, y1):
    mask = np.zeros((80, 80), bool)
    mask[y0:y1, x0:x1] = True
    return masks.encode(mask)


@pytest.fixture
def truth(tmp_path):
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((80, 80, 3), 128, np.uint8))
    parts = (Part("head", rectangle(20, 20, 60, 40)), Part("legs", rectangle(20, 40, 60, 60)))
    instance = Instance(
        3, 1, 1, rectangle(20, 20, 60, 60), (20, 20, 60, 60), 1600.0, keypoints=(25, 25, 2, 55, 55, 2), parts=parts
    )
    category = Category(1, "cat", ("nose", "tail"), ((1, 2),), ("head", "legs"))
    return AnnotationSet((Image(1, "grey.png", 80, 80),), (category,), (instance,), str(tmp_path))


def answer(**content):
    return [{"image_id": 1, "category_id": 1, "instance_id": 3, "score": 0.9, **content}]


def as_parts(instance):
    return [{"name": part.name, "segmentation": part.segmentation} for part in instance.parts]


def picture(uri):
    code = base64.b64decode(uri.split(",")[1])
    return cv2.cvtColor(cv2.imdecode(np.frombuffer(code, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB).astype(int)


def test_a_perfect_answer_has_the_same_picture_as_the_truth(truth):
    instance = truth.instances[0]
    results = answer(keypoints=[25, 25, 0.8, 55, 55, 0.7], parts=as_parts(instance))
    for pairs in (
        keypoint_pairs(truth, results, PARAMETERS.evaluate, 1.2, 4),
        part_pairs(truth, results, 1.2, 4),
    ):
        (pair,) = pairs
        assert pair.quality == 1
        assert pair.truth == pair.found


def test_parts_have_their_colours_where_they_are(truth):
    (pair,) = part_pairs(truth, answer(parts=as_parts(truth.instances[0])[:1]), 1.2, 4)
    found, shown = picture(pair.found), picture(pair.truth)
    middle, head, legs = found.shape[0] // 2, palette(2)[0], palette(2)[1]
    expected = [0.35 * 128 + 0.65 * np.array(colour) for colour in (head, legs)]
    assert shown[middle - 40, middle] == pytest.approx(expected[0], abs=25)
    assert shown[middle + 40, middle] == pytest.approx(expected[1], abs=25)
    assert found[middle + 40, middle] == pytest.approx([128] * 3, abs=25)
    assert pair.quality == 0.5


def test_a_skeleton_crosses_the_photo_between_its_keypoints_only_when_both_are_there(truth):
    def centre(keypoints):
        (pair,) = keypoint_pairs(truth, answer(keypoints=keypoints), PARAMETERS.evaluate, 1.2, 4)
        tile = picture(pair.found)
        return tile[tile.shape[0] // 2, tile.shape[1] // 2]

    assert np.abs(centre([25, 25, 0.8, 55, 55, 0.7]) - 128).max() > 50
    assert np.abs(centre([25, 25, 0.8, 0, 0, 0.0]) - 128).max() < 25


def test_instances_that_say_nothing_of_the_task_are_not_shown(truth):
    bare = replace(truth, instances=(replace(truth.instances[0], keypoints=(), parts=()),))
    results = answer(keypoints=[25, 25, 0.8, 55, 55, 0.7], parts=[])
    assert keypoint_pairs(bare, results, PARAMETERS.evaluate, 1.2, 4) == []
    assert part_pairs(bare, results, 1.2, 4) == []


def test_the_table_ends_with_the_baselines_and_missing_metrics_leave_it_empty(truth, tmp_path):
    numbers = {"mean_apk": 30.0, "mean_pck": 0.5}
    metrics = numbers | {"per_category": {"cat": numbers}, "baseline_top_layer": {"mean_apk": 4.0, "mean_pck": None}}
    (tmp_path / "keypoints.json").write_text(json.dumps(metrics))
    keypoints, parts = task_sections(truth, tmp_path, tmp_path, PARAMETERS)
    assert keypoints.rows == [
        ("cat", ["30.0", "0.500"]),
        ("all", ["30.0", "0.500"]),
        ("all, top layer alone", ["4.0", "\N{EN DASH}"]),
    ]
    assert (parts.rows, parts.pairs) == ([], [])


def test_tasks_that_were_not_asked_for_have_no_section_and_broken_metrics_are_refused(truth, tmp_path):
    (tmp_path / "parts.json").write_text("{}")
    some = Parameters(tasks=("segmentation", "keypoints"))
    assert [section.name for section in task_sections(truth, Path("nowhere"), tmp_path, some)] == ["keypoints"]
    with pytest.raises(InputError, match=r"parts\.json lacks"):
        task_sections(truth, tmp_path, tmp_path, PARAMETERS)
