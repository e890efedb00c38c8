"""APK and PCK on cases made by hand, and against second, plain computations; COCO's OKS is in `test_oks.py`."""

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
"""Torso height 30: the tolerance is 6 pixels."""
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


def judged(truth, found, given=None):
    return evaluate_keypoints(truth, found, found if given is None else given, SETTINGS)


def test_a_perfect_prediction_scores_100_and_an_empty_one_0():
    truth = truth_of(person(1), person(2, (100, 0)))
    perfect = [answer(i) for i in truth.instances]
    metrics = judged(truth, perfect)
    assert (metrics["mean_apk"], metrics["mean_pck"]) == (100, 1)
    assert set(metrics["per_keypoint"]) == {f"person/{name}" for name in NAMES}
    assert judged(truth, [], perfect)["mean_apk"] == 0


def test_a_duplicate_is_a_false_positive():
    truth = truth_of(person(1), person(2, (100, 0)))
    first, second = (answer(i, score) for i, score in zip(truth.instances, (0.9, 0.3), strict=True))
    twice = judged(truth, [first, answer(truth.instances[0], 0.6), second], [first, second])
    assert twice["mean_apk"] == pytest.approx(100 * (0.5 + 0.5 * 2 / 3))


def test_a_second_hypothesis_claims_the_neighbour_within_reach_that_is_free():
    """Both are nearest to the first person; the second person stands 5 pixels beside, the tolerance is 6."""
    truth = truth_of(person(1), person(2, (5, 0)))
    first = truth.instances[0]
    metrics = judged(truth, [answer(first, 0.9), answer(first, 0.8, (1, 0))], [answer(i) for i in truth.instances])
    assert metrics["mean_apk"] == 100


def test_swapped_left_and_right_are_wrong_and_the_others_stay_right():
    truth = truth_of(person(1))
    swapped = [answer(truth.instances[0], order=(1, 0, 2, 3, 4))]
    per_keypoint = judged(truth, swapped)["per_keypoint"]
    assert [per_keypoint[f"person/{name}"]["apk"] for name in NAMES] == [0, 0, 100, 100, 100]
    assert [per_keypoint[f"person/{name}"]["pck"] for name in NAMES] == [0, 0, 1, 1, 1]


@pytest.mark.parametrize(("shift", "right"), [(5.9, 1.0), (6.1, 0.0)])
def test_a_fifth_of_the_torso_height_is_the_limit(shift, right):
    truth = truth_of(person(1))
    metrics = judged(truth, [answer(truth.instances[0], moved=(shift, 0))])
    assert (metrics["mean_apk"], metrics["mean_pck"]) == (100 * right, right)


def test_without_hips_or_shoulders_the_box_stands_in():
    assert tolerance(person(1), PERSON, SETTINGS) == pytest.approx(6)
    assert tolerance(person(1, visibility=(2, 2, 2, 0, 2)), PERSON, SETTINGS) == pytest.approx(0.2 * np.hypot(5, 30))
    assert tolerance(person(1, visibility=(2, 2, 0, 0, 2)), PERSON, SETTINGS) == pytest.approx(0.2 * 0.4 * 50)
    assert tolerance(replace(person(1), keypoints=()), PERSON, SETTINGS) == pytest.approx(0.2 * 0.4 * 50)


def test_keypoints_that_are_not_labelled_are_not_missed_but_hidden_ones_are():
    truth = truth_of(person(1, visibility=(2, 2, 2, 2, 0)), person(2, (100, 0), visibility=(2, 2, 2, 2, 1)))
    found = [answer(truth.instances[0])]
    metrics = judged(truth, found, [answer(i) for i in truth.instances])
    hand = metrics["per_keypoint"]["person/left_hand"]
    assert hand == {"apk": 0, "pck": 1, "instances": 1}
    assert metrics["per_keypoint"]["person/left_hip"]["apk"] == 50


def test_a_keypoint_never_labelled_enters_no_mean():
    truth = truth_of(person(1, visibility=(2, 2, 2, 2, 0)))
    metrics = judged(truth, [answer(truth.instances[0])])
    assert metrics["per_keypoint"]["person/left_hand"] == {"apk": None, "pck": None, "instances": 0}
    assert metrics["mean_apk"] == 100


SILENT = {
    "crowd": replace(person(2, (100, 0)), crowd=True),
    "difficult": replace(person(2, (100, 0)), difficult=True),
    "all unlabelled": person(2, (100, 0), visibility=(0, 0, 0, 0, 0)),
    "no list of keypoints": replace(person(2, (100, 0)), keypoints=()),
}


@pytest.mark.parametrize("kind", SILENT)
def test_instances_that_are_ignored_or_say_nothing_neither_count_nor_punish(kind):
    """Neither one hypothesis on them nor two."""
    truth = truth_of(person(1), SILENT[kind])
    on_it = [answer(person(2, (100, 0)), 0.9), answer(person(2, (100, 0)), 0.8)]
    metrics = judged(truth, [answer(truth.instances[0], 0.5), *on_it], [answer(truth.instances[0])])
    assert (metrics["mean_apk"], metrics["mean_pck"]) == (100, 1)
    assert {row["instances"] for row in metrics["per_keypoint"].values()} == {1}


@pytest.mark.parametrize("kind", SILENT)
@pytest.mark.parametrize(("beyond", "punished"), [(3.9, False), (6.1, True)])
def test_they_pardon_what_lies_within_the_tolerance_of_their_box(kind, beyond, punished):
    """A tight box ends at the wrist, whose prediction may lie on either side of it; the tolerance is 4 or 6 pixels."""
    truth = truth_of(person(1), SILENT[kind])
    beside = answer(person(2, (100, 0))) | {"keypoints": [100 - beyond, 25, 0.9] * len(NAMES)}
    assert (judged(truth, [answer(truth.instances[0], 0.5), beside])["mean_apk"] < 100) == punished


def test_a_keypoint_is_false_on_an_instance_that_has_only_others_labelled():
    truth = truth_of(person(1), person(2, (100, 0), visibility=(2, 2, 2, 2, 0)))
    metrics = judged(truth, [answer(truth.instances[0], 0.5), answer(person(2, (100, 0)), 0.9)])
    assert [metrics["per_keypoint"][f"person/{name}"]["apk"] for name in NAMES] == [100, 100, 100, 100, 50]


def test_a_keypoint_outside_of_its_box_counts_where_it_is():
    own = person(1)
    points = np.array(own.keypoints)
    points[12:14] = 200, 200
    truth = truth_of(replace(own, keypoints=tuple(points)))
    metrics = judged(truth, [answer(truth.instances[0])])
    assert (metrics["mean_apk"], metrics["mean_pck"]) == (100, 1)
    inside = judged(truth, [answer(own)])["per_keypoint"]["person/left_hand"]
    assert (inside["apk"], inside["pck"]) == (0, 0)


def test_a_missing_hypothesis_is_none_and_not_the_corner_of_the_photograph():
    corner = person(1, (-5, -25))
    truth = truth_of(corner)
    nothing = answer(corner) | {"keypoints": [0.0] * 15}
    metrics = judged(truth, [nothing])
    assert (metrics["mean_apk"], metrics["mean_pck"]) == (0, 0)


def test_an_instance_without_result_on_its_box_is_refused():
    truth = truth_of(person(1), person(2, (100, 0)))
    with pytest.raises(InputError, match="Instance 2"):
        judged(truth, [], [answer(truth.instances[0])])


def test_without_any_keypoint_the_means_are_none():
    metrics = judged(AnnotationSet((), (STONE,), (), "."), [])
    assert metrics == {"mean_apk": None, "mean_pck": None, "per_category": {}, "per_keypoint": {}}


@pytest.mark.parametrize("seed", range(5))
def test_apk_equals_a_plain_second_computation(seed):
    """Greedy by score over everything; the area as a sum over ranks of the best later precision."""
    rng = np.random.default_rng(seed)
    truth = truth_of(
        *(
            person(i + 1, rng.uniform(0, 90, 2), 1 + i % 3, rng.permutation([0, 1, 2, 2, 2]).tolist())
            for i in range(12)
        ),
        images=3,
    )
    scores = rng.permutation(36) / 36 + 0.01
    found = [
        answer(person(0, np.array(truth.instances[i % 12].box[:2]), 1 + i % 3), scores[i], rng.normal(0, 5, 2))
        for i in range(36)
    ]
    metrics = judged(truth, found, [answer(i) for i in truth.instances])
    for k, name in enumerate(NAMES):
        claimed, verdicts = set(), []
        for result in sorted(found, key=lambda r: -r["keypoints"][3 * k + 2]):
            near = []
            for own in truth.instances:
                x, y, v = own.keypoints[3 * k : 3 * k + 3]
                far = np.hypot(x - result["keypoints"][3 * k], y - result["keypoints"][3 * k + 1])
                limit = tolerance(own, PERSON, SETTINGS)
                if own.image_id == result["image_id"] and v > 0 and own.id not in claimed and far < limit:
                    near.append((far / limit, own.id))
            claimed |= {min(near)[1]} if near else set()
            verdicts.append(bool(near))
        positives = sum(i.keypoints[3 * k + 2] > 0 for i in truth.instances)
        precision = np.cumsum(verdicts) / np.arange(1, 37)
        expected = sum(precision[rank:].max() for rank in range(36) if verdicts[rank]) / positives
        assert metrics["per_keypoint"][f"person/{name}"]["apk"] == pytest.approx(100 * expected)


@pytest.mark.parametrize("seed", range(3))
def test_pck_equals_counting_one_by_one(seed):
    """A known torso of 30 pixels, so that the limit is 6 pixels without asking for it."""
    rng = np.random.default_rng(seed)
    people = [person(i, rng.uniform(0, 300, 2), visibility=(2, 1, 2, 1, int(rng.integers(0, 3)))) for i in range(1, 20)]
    given = [answer(one, moved=rng.normal(0, 5, 2)) for one in people]
    metrics = judged(truth_of(*people), [], given)
    for k, name in enumerate(NAMES):
        verdicts = []
        for one, result in zip(people, given, strict=True):
            x, y, v = one.keypoints[3 * k : 3 * k + 3]
            if v:
                verdicts.append((x - result["keypoints"][3 * k]) ** 2 + (y - result["keypoints"][3 * k + 1]) ** 2 < 36)
        row = metrics["per_keypoint"][f"person/{name}"]
        assert row["instances"] == len(verdicts)
        assert row["pck"] == pytest.approx(sum(verdicts) / len(verdicts))
