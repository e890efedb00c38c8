"""APK and PCK of hand-made cases, and against independent computations; `test_oks.py` tests COCO's OKS."""

from dataclasses import replace

import numpy as np
import pytest

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance
from hypercolumns.errors import InputError
from hypercolumns.evaluation.keypoints import evaluate_keypoints, tolerance
from hypercolumns.parameters import EvaluateParameters

NAMES = ("left_shoulder", "right_shoulder", "left_hip", "right_hip", "left_hand")
PERSON = Category(1, "person", NAMES)
STONE = Category(2, "stone")
SETTINGS = EvaluateParameters()
FIGURE = np.array([[10, 10], [20, 10], [10, 40], [20, 40], [5, 25]], dtype=float)
"""Torso height 30 pixels, which makes the tolerance 6 pixels."""
SIZE = 400


def person(number, at=(0.0, 0.0), image_id=1, visibility=(2, 2, 2, 2, 2), **flags):
    x, y = at
    points = np.column_stack([FIGURE + at, visibility])
    points[points[:, 2] == 0] = 0
    box = (x, y, x + 30, y + 50)
    mask = np.zeros((SIZE, SIZE), bool)
    mask[int(y) : int(y) + 50, int(x) : int(x) + 30] = True
    return Instance(
        number, image_id, 1, masks.encode(mask), box, 1500.0, keypoints=tuple(points.ravel().tolist()), **flags
    )


def truth_of(*instances, images=1):
    pictures = tuple(Image(i + 1, f"{i}.jpg", SIZE, SIZE) for i in range(images))
    return AnnotationSet(pictures, (PERSON, STONE), tuple(instances), ".")


def answer(instance, score=0.9, moved=(0.0, 0.0), order=(0, 1, 2, 3, 4)):
    points = np.array(instance.keypoints).reshape(-1, 3)[list(order)] + [*moved, 0]
    points[:, 2] = score
    return {
        "image_id": instance.image_id,
        "category_id": 1,
        "instance_id": instance.id,
        "score": score,
        "keypoints": points.ravel().tolist(),
    }


def evaluate(truth, detections, ground_truth_boxes=None):
    boxes = detections if ground_truth_boxes is None else ground_truth_boxes
    return evaluate_keypoints(truth, detections, boxes, SETTINGS)


def test_a_perfect_prediction_scores_100_and_an_empty_one_0():
    truth = truth_of(person(1), person(2, (100, 0)))
    perfect = [answer(i) for i in truth.instances]
    metrics = evaluate(truth, perfect)
    assert (metrics["mean_apk"], metrics["mean_pck"]) == (100, 1)
    assert set(metrics["per_keypoint"]) == {f"person/{name}" for name in NAMES}
    assert evaluate(truth, [], perfect)["mean_apk"] == 0


def test_a_duplicate_is_a_false_positive():
    truth = truth_of(person(1), person(2, (100, 0)))
    first, second = (answer(i, score) for i, score in zip(truth.instances, (0.9, 0.3), strict=True))
    metrics = evaluate(truth, [first, answer(truth.instances[0], 0.6), second], [first, second])
    assert metrics["mean_apk"] == pytest.approx(100 * (0.5 + 0.5 * 2 / 3))


def test_a_second_detection_claims_an_unclaimed_neighbour_within_the_tolerance():
    """Both detections are nearest to the first person; the second person is 5 pixels away, and the tolerance is 6."""
    truth = truth_of(person(1), person(2, (5, 0)))
    first = truth.instances[0]
    metrics = evaluate(truth, [answer(first, 0.9), answer(first, 0.8, (1, 0))], [answer(i) for i in truth.instances])
    assert metrics["mean_apk"] == 100


def test_swapped_left_and_right_are_wrong_and_the_other_keypoints_stay_right():
    truth = truth_of(person(1))
    swapped = [answer(truth.instances[0], order=(1, 0, 2, 3, 4))]
    per_keypoint = evaluate(truth, swapped)["per_keypoint"]
    assert [per_keypoint[f"person/{name}"]["apk"] for name in NAMES] == [0, 0, 100, 100, 100]
    assert [per_keypoint[f"person/{name}"]["pck"] for name in NAMES] == [0, 0, 1, 1, 1]


@pytest.mark.parametrize(("shift", "right"), [(5.9, 1.0), (6.1, 0.0)])
def test_the_tolerance_is_a_fifth_of_the_torso_height(shift, right):
    truth = truth_of(person(1))
    metrics = evaluate(truth, [answer(truth.instances[0], moved=(shift, 0))])
    assert (metrics["mean_apk"], metrics["mean_pck"]) == (100 * right, right)


def test_the_tolerance_is_a_share_of_the_box_without_labelled_hips_or_shoulders():
    assert tolerance(person(1), PERSON, SETTINGS) == pytest.approx(6)
    assert tolerance(person(1, visibility=(2, 2, 2, 0, 2)), PERSON, SETTINGS) == pytest.approx(0.2 * np.hypot(5, 30))
    assert tolerance(person(1, visibility=(2, 2, 0, 0, 2)), PERSON, SETTINGS) == pytest.approx(0.2 * 0.4 * 50)
    assert tolerance(replace(person(1), keypoints=()), PERSON, SETTINGS) == pytest.approx(0.2 * 0.4 * 50)


def test_hidden_keypoints_can_be_missed_and_unlabelled_ones_cannot():
    truth = truth_of(person(1, visibility=(2, 2, 2, 2, 0)), person(2, (100, 0), visibility=(2, 2, 2, 2, 1)))
    detections = [answer(truth.instances[0])]
    metrics = evaluate(truth, detections, [answer(i) for i in truth.instances])
    hand = metrics["per_keypoint"]["person/left_hand"]
    assert hand == {"apk": 0, "pck": 1, "instances": 1}
    assert metrics["per_keypoint"]["person/left_hip"]["apk"] == 50


def test_a_keypoint_that_is_never_labelled_is_left_out_of_the_means():
    truth = truth_of(person(1, visibility=(2, 2, 2, 2, 0)))
    metrics = evaluate(truth, [answer(truth.instances[0])])
    assert metrics["per_keypoint"]["person/left_hand"] == {"apk": None, "pck": None, "instances": 0}
    assert metrics["mean_apk"] == 100


IGNORED = {
    "crowd": replace(person(2, (100, 0)), crowd=True),
    "difficult": replace(person(2, (100, 0)), difficult=True),
    "all unlabelled": person(2, (100, 0), visibility=(0, 0, 0, 0, 0)),
    "no list of keypoints": replace(person(2, (100, 0)), keypoints=()),
}


@pytest.mark.parametrize("kind", IGNORED)
def test_ignored_and_unlabelled_instances_do_not_count_and_detections_on_them_are_neutral(kind):
    truth = truth_of(person(1), IGNORED[kind])
    on_ignored = [answer(person(2, (100, 0)), 0.9), answer(person(2, (100, 0)), 0.8)]
    metrics = evaluate(truth, [answer(truth.instances[0], 0.5), *on_ignored], [answer(truth.instances[0])])
    assert (metrics["mean_apk"], metrics["mean_pck"]) == (100, 1)
    assert {row["instances"] for row in metrics["per_keypoint"].values()} == {1}


@pytest.mark.parametrize("kind", IGNORED)
@pytest.mark.parametrize(("distance", "is_false"), [(3.9, False), (6.1, True)])
def test_predictions_within_the_tolerance_of_an_ignored_box_are_neutral(kind, distance, is_false):
    """A tight box may end at a wrist, which is then predicted inside or outside it; the tolerance is 4 or 6 pixels."""
    truth = truth_of(person(1), IGNORED[kind])
    beside = answer(person(2, (100, 0))) | {"keypoints": [100 - distance, 25, 0.9] * len(NAMES)}
    assert (evaluate(truth, [answer(truth.instances[0], 0.5), beside])["mean_apk"] < 100) == is_false


def test_a_keypoint_predicted_on_an_instance_with_only_others_labelled_is_false():
    truth = truth_of(person(1), person(2, (100, 0), visibility=(2, 2, 2, 2, 0)))
    metrics = evaluate(truth, [answer(truth.instances[0], 0.5), answer(person(2, (100, 0)), 0.9)])
    assert [metrics["per_keypoint"][f"person/{name}"]["apk"] for name in NAMES] == [100, 100, 100, 100, 50]


def test_a_keypoint_outside_its_box_counts_where_it_is():
    original = person(1)
    points = np.array(original.keypoints)
    points[12:14] = 200, 200
    truth = truth_of(replace(original, keypoints=tuple(points)))
    metrics = evaluate(truth, [answer(truth.instances[0])])
    assert (metrics["mean_apk"], metrics["mean_pck"]) == (100, 1)
    inside = evaluate(truth, [answer(original)])["per_keypoint"]["person/left_hand"]
    assert (inside["apk"], inside["pck"]) == (0, 0)


def test_a_missing_keypoint_is_not_taken_for_the_corner_of_the_photograph():
    in_corner = person(1, (-5, -25))
    truth = truth_of(in_corner)
    missing = answer(in_corner) | {"keypoints": [0.0] * 15}
    metrics = evaluate(truth, [missing])
    assert (metrics["mean_apk"], metrics["mean_pck"]) == (0, 0)


def test_an_instance_without_a_result_in_its_box_is_refused():
    truth = truth_of(person(1), person(2, (100, 0)))
    with pytest.raises(InputError, match=r"Instance 2 \(person\) has no keypoints"):
        evaluate(truth, [], [answer(truth.instances[0])])


def test_the_means_are_none_without_a_category_with_keypoints():
    metrics = evaluate(AnnotationSet((), (STONE,), (), "."), [])
    assert metrics == {"mean_apk": None, "mean_pck": None, "per_category": {}, "per_keypoint": {}}


@pytest.mark.parametrize("seed", range(5))
def test_apk_equals_an_independent_computation(seed):
    """Greedy matching over all images by score; the area as a sum over hits of the best later precision."""
    rng = np.random.default_rng(seed)
    truth = truth_of(
        *(
            person(i + 1, rng.uniform(0, 90, 2), 1 + i % 3, rng.permutation([0, 1, 2, 2, 2]).tolist())
            for i in range(12)
        ),
        images=3,
    )
    scores = rng.permutation(36) / 36 + 0.01
    detections = [
        answer(person(0, np.array(truth.instances[i % 12].box[:2]), 1 + i % 3), scores[i], rng.normal(0, 5, 2))
        for i in range(36)
    ]
    metrics = evaluate(truth, detections, [answer(i) for i in truth.instances])
    for k, name in enumerate(NAMES):
        claimed, verdicts = set(), []
        for result in sorted(detections, key=lambda r: -r["keypoints"][3 * k + 2]):
            near = []
            for one in truth.instances:
                x, y, v = one.keypoints[3 * k : 3 * k + 3]
                distance = np.hypot(x - result["keypoints"][3 * k], y - result["keypoints"][3 * k + 1])
                limit = tolerance(one, PERSON, SETTINGS)
                if one.image_id == result["image_id"] and v > 0 and one.id not in claimed and distance < limit:
                    near.append((distance / limit, one.id))
            claimed |= {min(near)[1]} if near else set()
            verdicts.append(bool(near))
        positives = sum(i.keypoints[3 * k + 2] > 0 for i in truth.instances)
        precision = np.cumsum(verdicts) / np.arange(1, 37)
        expected = sum(precision[rank:].max() for rank in range(36) if verdicts[rank]) / positives
        assert metrics["per_keypoint"][f"person/{name}"]["apk"] == pytest.approx(100 * expected)


@pytest.mark.parametrize("seed", range(3))
def test_pck_equals_counting_keypoints_one_by_one(seed):
    """The torso is 30 pixels high, so the tolerance is known to be 6 pixels."""
    rng = np.random.default_rng(seed)
    people = [person(i, rng.uniform(0, 300, 2), visibility=(2, 1, 2, 1, int(rng.integers(0, 3)))) for i in range(1, 20)]
    in_boxes = [answer(one, moved=rng.normal(0, 5, 2)) for one in people]
    metrics = evaluate(truth_of(*people), [], in_boxes)
    for k, name in enumerate(NAMES):
        verdicts = []
        for one, result in zip(people, in_boxes, strict=True):
            x, y, v = one.keypoints[3 * k : 3 * k + 3]
            if v:
                verdicts.append((x - result["keypoints"][3 * k]) ** 2 + (y - result["keypoints"][3 * k + 1]) ** 2 < 36)
        row = metrics["per_keypoint"][f"person/{name}"]
        assert row["instances"] == len(verdicts)
        assert row["pck"] == pytest.approx(sum(verdicts) / len(verdicts))
