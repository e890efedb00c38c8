"""Keypoints and parts on the page: metrics beside their baselines, pictures of truth and prediction."""

import base64
import json
from dataclasses import replace

import cv2
import numpy as np
import pytest

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance, Part
from hypercolumns.definitions import TASKS
from hypercolumns.errors import InputError
from hypercolumns.parameters import Parameters
from hypercolumns.reporting.pairs import KEYPOINTS, PARTS, make_pairs
from hypercolumns.reporting.pictures import palette
from hypercolumns.reporting.section import SectionInputs
from hypercolumns.workspace import Workspace

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
    for look in (KEYPOINTS, PARTS):
        (pair,) = make_pairs(truth, results, look, PARAMETERS)
        assert pair.quality == 1
        assert pair.truth == pair.found


def test_parts_have_their_colours_where_they_are(truth):
    (pair,) = make_pairs(truth, answer(parts=as_parts(truth.instances[0])[:1]), PARTS, PARAMETERS)
    found, shown = picture(pair.found), picture(pair.truth)
    middle, head, legs = found.shape[0] // 2, palette(2)[0], palette(2)[1]
    expected = [0.35 * 128 + 0.65 * np.array(colour) for colour in (head, legs)]
    assert shown[middle - 40, middle] == pytest.approx(expected[0], abs=25)
    assert shown[middle + 40, middle] == pytest.approx(expected[1], abs=25)
    assert found[middle + 40, middle] == pytest.approx([128] * 3, abs=25)
    assert pair.quality == 0.5


def test_a_skeleton_crosses_the_photo_between_its_keypoints_only_when_both_are_there(truth):
    def centre(keypoints):
        (pair,) = make_pairs(truth, answer(keypoints=keypoints), KEYPOINTS, PARAMETERS)
        tile = picture(pair.found)
        return tile[tile.shape[0] // 2, tile.shape[1] // 2]

    assert np.abs(centre([25, 25, 0.8, 55, 55, 0.7]) - 128).max() > 50
    assert np.abs(centre([25, 25, 0.8, 0, 0, 0.0]) - 128).max() < 25


def test_instances_that_say_nothing_of_the_task_are_not_shown(truth):
    bare = replace(truth, instances=(replace(truth.instances[0], keypoints=(), parts=()),))
    results = answer(keypoints=[25, 25, 0.8, 55, 55, 0.7], parts=[])
    assert make_pairs(bare, results, KEYPOINTS, PARAMETERS) == []
    assert make_pairs(bare, results, PARTS, PARAMETERS) == []


def test_a_photograph_of_another_size_than_annotated_is_refused(truth, tmp_path):
    cv2.imwrite(str(tmp_path / "grey.png"), np.full((40, 40, 3), 128, np.uint8))
    with pytest.raises(InputError, match=r"grey\.png"):
        make_pairs(truth, answer(parts=as_parts(truth.instances[0])), PARTS, PARAMETERS)


def content(task, annotations, folder, parameters=PARAMETERS):
    workspace = Workspace(folder, folder, folder)
    definition = TASKS[task]
    inputs = SectionInputs(task, definition.answer, workspace, parameters, annotations, "own detections")
    return definition.section().content(inputs)


def test_rows_of_all_categories_say_with_which_blocks_and_k(truth, tmp_path):
    """K of the top layer alone is that of the ablation, not that of the task."""
    numbers = {"mean_apk": 30.0, "mean_pck": 0.5}
    baselines = {"baseline_top_layer": {"mean_apk": 4.0, "mean_pck": None}, "baseline_k1": numbers}
    (tmp_path / "keypoints.json").write_text(json.dumps(numbers | {"per_category": {"cat": numbers}} | baselines))
    other = Parameters.model_validate({"train": {"grid": 10}, "ablate": {"grid": 4}})
    keypoints = content("keypoints", truth, tmp_path, other)
    assert keypoints["categories"] == [("cat", ["30.0", "0.500"])]
    assert keypoints["totals"] == [
        ("all: every block, K = 10", ["30.0", "0.500"]),
        ("all: only pooled, K = 4", ["4.0", "\N{EN DASH}"]),
        ("all: every block, K = 1", ["30.0", "0.500"]),
    ]
    section = TASKS["keypoints"].section()
    figures = section.headline(keypoints["metrics"])
    assert [(c.title, c.text(figures)) for c in section.columns] == [("APK", "30.0"), ("PCK", "0.500")]


def test_a_task_that_was_not_evaluated_has_no_figures(truth, tmp_path):
    parts = content("parts", truth, tmp_path)
    assert (parts["metrics"], parts["categories"], parts["totals"], parts["pairs"]) == (None, [], [], [])


def test_broken_metrics_are_refused(truth, tmp_path):
    (tmp_path / "parts.json").write_text("{}")
    with pytest.raises(InputError, match=r"parts\.json lacks"):
        content("parts", truth, tmp_path)
