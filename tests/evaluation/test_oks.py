"""COCO's AP by OKS: hand-made cases, an independent computation, and APK where the two coincide."""

import contextlib
import io
from dataclasses import replace

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from hypercolumns.annotations.model import Category
from hypercolumns.evaluation.keypoints import evaluate_keypoints
from hypercolumns.evaluation.oks import COCO_KEYPOINTS, oks_average_precision
from hypercolumns.parameters import EvaluateParameters
from tests.evaluation.scenes_for_evaluation import annotation_set, instance

SPREAD = {"nose": 0.026, "eye": 0.025, "ear": 0.035, "shoulder": 0.079, "elbow": 0.072, "wrist": 0.062}
SPREAD |= {"hip": 0.107, "knee": 0.087, "ankle": 0.089}
"""Standard deviations that COCO publishes."""
SIGMAS = np.array([SPREAD[name.split("_")[-1]] for name in COCO_KEYPOINTS])
PERSON = Category(1, "person", COCO_KEYPOINTS)
BOX = (5, 5, 35, 35)
POSE = np.random.default_rng(0).uniform(5, 35, (17, 2))
BESIDE = POSE + np.array([22, 0])


def person(number, points=POSE, visibility=2, box=BOX, image_id=1, **flags):
    keypoints = np.column_stack([points, np.broadcast_to(visibility, 17)])
    keypoints[keypoints[:, 2] == 0] = 0
    return replace(instance(number, box, 1, image_id, **flags), keypoints=tuple(keypoints.ravel().tolist()))


def answer(points=POSE, score=0.9, image_id=1):
    keypoints = np.column_stack([points, np.full(len(points), score)]).ravel().tolist()
    return {"image_id": image_id, "category_id": 1, "score": score, "keypoints": keypoints}


def oks_ap(people, found, category=PERSON, images=1):
    truth = replace(annotation_set(*people, images=images), categories=(category,))
    metrics = oks_average_precision(truth, category, found)
    return metrics["oks_ap"], metrics["oks_ap_50"]


def test_a_perfect_prediction_scores_100_and_an_empty_one_0():
    assert oks_ap([person(1)], [answer()]) == pytest.approx((100, 100))
    assert oks_ap([person(1)], []) == (0, 0)


def test_a_duplicate_is_a_false_positive():
    """A hit, its duplicate, a hit: precision 1 at the lower 51 of COCO's 101 recalls, 2/3 at the other 50."""
    people = [person(1), person(2, BESIDE, box=(27, 5, 57, 35))]
    found = [answer(score=0.9), answer(score=0.6), answer(BESIDE, score=0.3)]
    assert oks_ap(people, found) == pytest.approx([100 * (51 + 50 * 2 / 3) / 101] * 2)


def test_an_object_with_left_and_right_swapped_is_missed():
    """Only the nose is in its place."""
    order = [0, *(k + 1 if k % 2 else k - 1 for k in range(1, 17))]
    assert [COCO_KEYPOINTS[k].split("_")[0] for k in order[1:3]] == ["right", "left"]
    assert oks_ap([person(1)], [answer(POSE[order])]) == (0, 0)


def test_a_keypoint_outside_its_box_counts_where_it_is():
    points = POSE.copy()
    points[9] = 55, 38
    assert oks_ap([person(1, points)], [answer(points)]) == pytest.approx((100, 100))
    assert oks_ap([person(1, points)], [answer()])[0] < 100


def test_unlabelled_keypoints_do_not_matter_and_hidden_ones_do():
    wrong = POSE.copy()
    wrong[3:] += 40
    assert oks_ap([person(1, visibility=[2] * 3 + [0] * 14)], [answer(wrong)]) == pytest.approx((100, 100))
    assert oks_ap([person(1, visibility=[2] * 3 + [1] * 14)], [answer(wrong)]) == (0, 0)


@pytest.mark.parametrize("flags", [{"crowd": True}, {"difficult": True}, {"visibility": 0}])
def test_ignored_and_unlabelled_instances_do_not_count_and_detections_on_them_are_neutral(flags):
    shifted = {"points": BESIDE, "box": (27, 5, 57, 35)}
    people = [person(1), person(2, **shifted, **flags)]
    assert oks_ap(people, [answer(score=0.5), answer(BESIDE, score=0.9)]) == pytest.approx((100, 100))
    assert oks_ap([replace(person(1), difficult=True)], [answer()]) == (None, None)
    assert oks_ap([replace(person(1), keypoints=())], [answer()]) == (None, None)


def test_the_order_of_keypoints_does_not_matter_and_other_keypoints_have_no_oks():
    rng = np.random.default_rng(1)
    order = rng.permutation(17)
    moved = POSE + rng.normal(0, 1.5, POSE.shape)
    other = replace(PERSON, keypoints=tuple(COCO_KEYPOINTS[k] for k in order))
    expected = oks_ap([person(1)], [answer(moved)])
    assert 0 < expected[0] < 100
    assert oks_ap([person(1, POSE[order])], [answer(moved[order])], other) == pytest.approx(expected)
    horse = replace(PERSON, keypoints=tuple(f"joint_{k}" for k in range(17)))
    assert oks_average_precision(annotation_set(person(1)), horse, [answer()]) == {}


@pytest.mark.parametrize("seed", range(3))
def test_oks_ap_equals_an_independent_computation(seed):
    """Similarity, greedy matching and interpolated precision, written from COCO's description."""
    rng = np.random.default_rng(seed)
    people = [
        person(i, rng.uniform(0, 40, (17, 2)), rng.choice([0, 1, 2, 2], 17), (0, 0, *rng.integers(9, 40, 2)), 1 + i % 4)
        for i in range(1, 13)
    ]
    copies = [people[i % 12] for i in range(30)]
    scores = rng.permutation(30) / 30 + 0.01
    found = [
        answer(np.array(one.keypoints).reshape(17, 3)[:, :2] + rng.normal(0, 2, (17, 2)), float(score), one.image_id)
        for one, score in zip(copies, scores, strict=True)
    ]
    values = []
    for threshold in np.arange(0.5, 0.96, 0.05):
        claimed, hits = set(), []
        for result in sorted(found, key=lambda r: -r["score"]):
            best = max(
                ((_oks(one, result), one.id) for one in people if one.image_id == result["image_id"]),
                key=lambda pair: (pair[0] >= threshold and pair[1] not in claimed, pair[0]),
            )
            hits.append(best[0] >= threshold and best[1] not in claimed)
            claimed |= {best[1]} if hits[-1] else set()
        recall, precision = np.cumsum(hits) / 12, np.cumsum(hits) / np.arange(1, 31)
        values.append(np.mean([precision[recall >= r].max(initial=0) for r in np.linspace(0, 1, 101)]))
    assert 0.2 < values[0] < 1
    assert oks_ap(people, found, images=4) == pytest.approx((100 * np.mean(values), 100 * values[0]))


def _oks(one, result):
    truth, predicted = (np.array(flat).reshape(17, 3) for flat in (one.keypoints, result["keypoints"]))
    squared = ((truth - predicted)[:, :2] ** 2).sum(axis=1)
    return np.exp(-squared / (2 * one.area * (2 * SIGMAS) ** 2))[truth[:, 2] > 0].mean()


@pytest.mark.parametrize("seed", range(4))
def test_apk_of_one_keypoint_equals_cocos_ap_at_the_similarity_of_its_tolerance(tmp_path, seed):
    """Choose COCO's spread so that OKS is .5 at the tolerance, which without a torso is .08 of a square's side.

    COCO's AP is exact if precision is read at the recalls that can be reached.
    """
    rng = np.random.default_rng(seed)
    settings = EvaluateParameters(apk_tolerance=0.2, torso_share=0.4)
    category = Category(1, "person", ("nose",))
    squares = [(x, y, x + side, y + side) for x, y, side in rng.integers(1, 20, (15, 3))]
    people = [
        replace(instance(i + 1, box, 1, 1 + i % 3), keypoints=(*rng.uniform(0, 40, 2).tolist(), 2))
        for i, box in enumerate(squares)
    ]
    found = [
        answer(np.array([people[i % 15].keypoints[:2]]) + rng.normal(0, 1, 2), float(score), 1 + i % 15 % 3)
        for i, score in enumerate(rng.permutation(40) / 40 + 0.01)
    ]
    people = people[:13]  # so that some detections have no instance
    truth = replace(annotation_set(*people, images=3), categories=(category,))
    given = [found[0] | {"instance_id": one.id} for one in people]
    ours = evaluate_keypoints(truth, found, given, settings)["per_keypoint"]["person/nose"]["apk"]

    truth.save(tmp_path / "truth.json")
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(tmp_path / "truth.json"))
        evaluation = COCOeval(coco, coco.loadRes(found), "keypoints")
        evaluation.params.kpt_oks_sigmas = np.array([0.08 / (2 * np.sqrt(2 * np.log(2)))])
        evaluation.params.iouThrs = np.array([0.5])
        evaluation.params.recThrs = np.arange(1, len(people) + 1) / len(people) - 1e-9
        evaluation.params.maxDets = [1000]
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    expected = 100 * evaluation.eval["precision"][0, :, 0, 0, 0].mean()
    assert 5 < expected < 100
    assert ours == pytest.approx(expected)
