"""Keypoint task: target maps are positive around labelled keypoints, and a perfect heat map gives them back."""

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance
from hypercolumns.parameters import KeypointParameters
from hypercolumns.tasks.keypoints import KeypointTask
from hypercolumns.tasks.task import Region

CATEGORIES = (Category(1, "stone"), Category(2, "cat", ("nose", "tail")), Category(3, "dog", ("ear", "nose")))
BOX = np.array([10.0, 10.0, 60.0, 35.0])
WIDTH, HEIGHT = 100, 60


def task(keypoints=(20.5, 15.25, 2, 50.0, 30.0, 1), category=2, radius=0.1, hypotheses=1) -> KeypointTask:
    everywhere = masks.encode(np.ones((HEIGHT, WIDTH), bool))
    instance = Instance(7, 1, category, everywhere, (0, 0, WIDTH, HEIGHT), 1.0, keypoints=keypoints)
    annotations = AnnotationSet((Image(1, "a.jpg", WIDTH, HEIGHT),), CATEGORIES, (instance,), ".")
    return KeypointTask(annotations, KeypointParameters(radius=radius, hypotheses=hypotheses))


def no_superpixels() -> NDArray[np.int32]:
    raise AssertionError("keypoints do not depend on superpixels")


def region(category=2, kind="detection", box=BOX) -> Region:
    row = {"image": 1, "category": category, "instance": 7, "kind": kind, "score": 0.5}
    return Region(row | dict(zip(("x0", "y0", "x1", "y1"), box, strict=True)), box, WIDTH, HEIGHT, no_superpixels)


def maps(keypoint_task: KeypointTask, box=BOX) -> np.ndarray:
    return keypoint_task.target_maps(pd.DataFrame({"instance": [7]}), np.array([box]), 50)[0]


def test_targets_are_the_keypoint_names_of_all_categories_each_once() -> None:
    assert task().targets == ("nose", "tail", "ear")


def test_positives_are_a_disc_around_each_visible_or_hidden_keypoint() -> None:
    found = maps(task())
    for target, (x, y) in enumerate([(20.5, 15.25), (50.0, 30.0)]):
        rows, columns = np.nonzero(found[target] == 1)
        assert (columns.mean() + 0.5) / 50 * 50 + 10 == pytest.approx(x, abs=0.1)
        assert (rows.mean() + 0.5) / 50 * 25 + 10 == pytest.approx(y, abs=0.1)
        assert len(rows) == pytest.approx(np.pi * 0.1**2 * 2500, rel=0.1)


def test_unlabelled_keypoints_and_those_of_other_categories_are_ignored() -> None:
    assert np.all(maps(task((0, 0, 0, 50, 30, 2)))[[0, 2]] == -1)
    assert np.all(maps(task((), category=1)) == -1)
    assert np.all(maps(task(())) == -1)


def test_a_keypoint_outside_its_box_leaves_the_map_negative() -> None:
    assert np.all(maps(task((90, 50, 2, 50, 30, 2)))[0] == 0)


def test_locations_outside_the_photograph_are_ignored() -> None:
    found = maps(task(), np.array([-50.0, 0, 50, 60]))
    assert np.all(found[0][:, :25] == -1)
    assert np.all(found[0][:, 25:] >= 0)


def test_heat_around_the_true_keypoints_gives_them_back() -> None:
    keypoint_task = task(category=3)
    truth = np.array([20.5, 15.25, 50.0, 30.0]).reshape(2, 2)
    x, y = (np.arange(50) + 0.5) + 10, (np.arange(50) + 0.5) / 2 + 10
    heat = np.zeros((3, 50, 50), np.float32)
    for target, (true_x, true_y) in zip((2, 0), truth, strict=True):
        heat[target] = 0.8 * np.exp(-((x - true_x) ** 2 + (2 * (y - true_y)[:, None]) ** 2) / 30)
    (result,) = keypoint_task.answer(heat, region(3))
    points = np.array(result["keypoints"]).reshape(2, 3)
    assert points[:, :2] == pytest.approx(truth, abs=0.1)
    assert points[:, 2] == pytest.approx(0.5 * 0.8, abs=0.01)
    assert result["score"] == pytest.approx(points[:, 2].mean(), abs=1e-6)


def test_answers_use_the_keypoints_of_their_category() -> None:
    """A category without keypoints has no answer; `tests/tasks/test_prediction.py` tests that none is asked for."""
    assert list(task().targets_of(1)) == []
    names = [task().targets[position] for position in task().targets_of(2)]
    assert names == list(task().annotations.category_by_id[2].keypoints)


def test_detections_get_several_hypotheses_and_ground_truth_boxes_the_best_one() -> None:
    heat = np.random.default_rng(0).random((3, 50, 50)).astype(np.float32)
    keypoint_task = task(hypotheses=3)
    found = keypoint_task.answer(heat, region())
    assert [r["score"] for r in found] == sorted((r["score"] for r in found), reverse=True)
    assert len(found) == 3
    (given,) = keypoint_task.answer(heat, region(kind="ground_truth"))
    assert given["keypoints"] == found[0]["keypoints"]
    assert given["instance_id"] == 7


def test_a_keypoint_with_fewer_peaks_than_the_others_is_zero_in_the_later_results() -> None:
    """The photograph lies within the radius of the nose's first peak, so no location is left for a second one."""
    heat = np.zeros((3, 50, 50), np.float32)
    heat[0, 25, 37] = heat[1, 13, 25] = 1
    first, second = task(radius=0.5, hypotheses=2).answer(heat, region(box=np.array([-100.0, -30, 100, 90])))
    assert first["keypoints"][2::3] == [0.5, 0.5]
    assert second["keypoints"][:3] == [0, 0, 0]
    assert second["keypoints"][3] > 0


def test_heat_outside_the_photograph_gives_no_peak() -> None:
    heat = np.zeros((3, 50, 50), np.float32)
    heat[:, 25, 2] = 1
    (result,) = task().answer(heat, region(box=np.array([-50.0, 0, 50, 60])))
    assert 0 <= result["keypoints"][0] <= WIDTH
