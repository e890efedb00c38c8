"""AP^r_part, part IoU and pixel accuracy of hand-made cases, and against independent computations."""

from dataclasses import replace

import numpy as np
import pytest

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance, Part
from hypercolumns.annotations.naming import merge_parts
from hypercolumns.errors import InputError
from hypercolumns.evaluation.detections import mask_overlaps
from hypercolumns.evaluation.parts import evaluate_parts, part_overlaps
from hypercolumns.parameters import EvaluateParameters

CAT = Category(1, "cat", parts=("head", "legs"))
STONE = Category(2, "stone")
IMAGE = Image(1, "a.jpg", 60, 40)
SETTINGS = EvaluateParameters()


def rectangle(x0, y0, x1, y1):
    mask = np.zeros((IMAGE.height, IMAGE.width), bool)
    mask[y0:y1, x0:x1] = True
    return masks.encode(mask)


def cat(number, x=0, **flags):
    """Cat of 10 x 20 pixels from column x: head in the upper half, legs in the lower half."""
    parts = (Part("head", rectangle(x, 0, x + 10, 10)), Part("legs", rectangle(x, 10, x + 10, 20)))
    return Instance(number, 1, 1, rectangle(x, 0, x + 10, 20), (x, 0, x + 10, 20), 200.0, **({"parts": parts} | flags))


def answer(instance, score=0.9, parts=None):
    predicted = instance.parts if parts is None else parts
    return {
        "image_id": 1,
        "category_id": instance.category_id,
        "instance_id": instance.id,
        "score": score,
        "segmentation": instance.segmentation,
        "parts": [{"name": part.name, "segmentation": part.segmentation} for part in predicted],
    }


def evaluate(instances, detections, ground_truth_boxes=None, void=None):
    truth = AnnotationSet((replace(IMAGE, void=void),), (CAT, STONE), tuple(instances), ".")
    boxes = detections if ground_truth_boxes is None else ground_truth_boxes
    return evaluate_parts(truth, detections, boxes, SETTINGS)[0]


def headline(metrics):
    return metrics["ap_r_part_50"], metrics["mean_part_iou"], metrics["pixel_accuracy"]


def swapped(instance):
    head, legs = instance.parts
    return (Part("legs", head.segmentation), Part("head", legs.segmentation))


def test_a_perfect_prediction_scores_100_and_an_empty_one_0():
    cats = [cat(1), cat(2, 20)]
    perfect = [answer(i) for i in cats]
    assert headline(evaluate(cats, perfect)) == (100, 1, 1)
    assert evaluate(cats, [], perfect)["ap_r_part_50"] == 0
    assert headline(evaluate(cats, [answer(i, parts=()) for i in cats])) == (0, 0, 0)


def test_swapped_left_and_right_are_wrong_unless_they_are_merged_into_one_part():
    one = cat(1)
    sides = (Part("left", one.parts[0].segmentation), Part("right", one.parts[1].segmentation))
    sided = AnnotationSet((IMAGE,), (Category(1, "cat", parts=("left", "right")),), (replace(one, parts=sides),), ".")
    swap = answer(one, parts=(replace(sides[0], name="right"), replace(sides[1], name="left")))
    assert headline(evaluate_parts(sided, [swap], [swap], SETTINGS)[0]) == (0, 0, 0)
    merged = merge_parts(sided, {"legs": ["left", "right"]})
    found = answer(one, parts=(Part("legs", one.segmentation),))
    assert headline(evaluate_parts(merged, [found], [found], SETTINGS)[0]) == (100, 1, 1)


def test_a_hidden_part_is_left_out_of_the_means_and_predicting_it_is_wrong():
    one = replace(cat(1), segmentation=rectangle(0, 0, 10, 10), parts=(Part("head", rectangle(0, 0, 10, 10)),))
    assert evaluate([one], [answer(one)])["per_category"]["cat"]["part_iou"] == {"head": 1, "legs": None}
    assert headline(evaluate([one], [answer(one, parts=swapped(cat(1)))])) == (0, 0, 0)


def test_a_duplicate_is_a_false_positive():
    cats = [cat(1), cat(2, 20)]
    found = [answer(cats[0], 0.9), answer(cats[0], 0.6), answer(cats[1], 0.3)]
    assert evaluate(cats, found, [found[0], found[2]])["ap_r_part_50"] == pytest.approx(100 * (0.5 + 0.5 * 2 / 3))


def test_the_right_mask_with_wrong_labels_is_not_a_hit():
    cats = [cat(1)]
    assert headline(evaluate(cats, [answer(cats[0], parts=swapped(cats[0]))])) == (0, 0, 0)


def test_one_right_part_of_two_equal_ones_is_an_overlap_of_half():
    one = cat(1)
    all_head = (Part("head", one.segmentation),)
    assert part_overlaps(IMAGE, [answer(one, parts=all_head)], [one])[0, 0] == 0.5
    metrics = evaluate([one], [answer(one, parts=all_head)])
    assert metrics["per_category"]["cat"]["part_iou"] == {"head": 0.5, "legs": 0}
    assert metrics["pixel_accuracy"] == 0.5


def test_the_overlap_of_single_part_objects_is_that_of_their_masks():
    rng = np.random.default_rng(0)
    codes = [rectangle(x, y, x + w, y + h) for x, y, w, h in rng.integers(1, 20, (8, 4))]
    instances = [replace(cat(i), segmentation=c, parts=(Part("head", c),)) for i, c in enumerate(codes)]
    results = [answer(i) for i in instances[:5]]
    assert part_overlaps(IMAGE, results, instances[3:]) == pytest.approx(mask_overlaps(IMAGE, results, instances[3:]))


def test_an_object_without_parts_does_not_count_and_detections_on_it_are_neutral():
    cats = [cat(1), cat(2, 20, parts=())]
    found = [answer(cats[0], 0.5), answer(cat(2, 20), 0.9)]
    assert headline(evaluate(cats, found)) == (100, 1, 1)
    assert headline(evaluate(cats, found[:1])) == (100, 1, 1), "the object is not missed either"
    assert headline(evaluate(cats, [found[0], found[1], found[1]], found)) == (100, 1, 1), (
        "nor claimed by its first detection"
    )


@pytest.mark.parametrize("flag", ["crowd", "difficult"])
def test_ignored_objects_do_not_count_and_detections_on_them_are_neutral(flag):
    cats = [cat(1), cat(2, 20, **{flag: True})]
    assert headline(evaluate(cats, [answer(cats[0], 0.5), answer(cat(2, 20), 0.9)])) == (100, 1, 1)


def test_parts_outside_the_mask_are_dropped_from_annotations_and_wrong_in_predictions():
    one = cat(1)
    beyond = (Part("head", rectangle(0, 0, 20, 10)), one.parts[1])
    assert headline(evaluate([replace(one, parts=beyond)], [answer(one)])) == (100, 1, 1)
    metrics = evaluate([one], [answer(one, parts=beyond)])
    assert metrics["per_category"]["cat"]["part_iou"] == {"head": 0.5, "legs": 1}
    assert part_overlaps(IMAGE, [answer(one, parts=beyond)], [one])[0, 0] == pytest.approx(200 / 300)


def test_void_pixels_and_object_pixels_without_a_part_are_left_out():
    one = cat(1)
    only_head = replace(one, parts=one.parts[:1])
    assert headline(evaluate([only_head], [answer(one)])) == (100, 1, 1)
    wide, void = (Part("head", rectangle(0, 0, 20, 10)), one.parts[1]), rectangle(10, 0, 20, 10)
    assert headline(evaluate([one], [answer(one, parts=wide)], void=void)) == (100, 1, 1)
    assert part_overlaps(replace(IMAGE, void=void), [answer(one, parts=wide)], [one])[0, 0] == 1


def test_an_instance_without_a_result_in_its_box_is_refused():
    cats = [cat(1), cat(2, 20)]
    with pytest.raises(InputError, match=r"Instance 2 \(cat\) has no parts"):
        evaluate(cats, [], [answer(cats[0])])


def test_the_metrics_are_none_without_a_category_with_parts():
    truth = AnnotationSet((IMAGE,), (STONE,), (), ".")
    metrics, _ = evaluate_parts(truth, [], [], SETTINGS)
    assert headline(metrics) == (None, None, None)
    assert metrics["per_category"] == {}


def random_labels(rng, shape):
    """Label map with vertical stripes of 0 (no part), 1 and 2 inside `shape`, and 0 outside."""
    return np.where(shape, rng.integers(0, 3, shape.shape[1])[None, :], 0)


def parts_of(labels):
    """Parts that occur in a label map: 1 is the head, 2 the legs."""
    return tuple(Part(name, masks.encode(labels == k)) for k, name in ((1, "head"), (2, "legs")) if (labels == k).any())


def random_scene(rng):
    """Ten cats, their label maps, and twenty answers with their label maps, which are right in most columns."""
    cats, truth, found, predicted = [], [], [], []
    for number in range(1, 11):
        x, y, w, h = rng.integers((0, 0, 12, 10), (40, 20, 20, 20))
        shape = masks.decode(rectangle(x, y, x + w, y + h))
        truth.append(random_labels(rng, shape))
        cats.append(replace(cat(number), segmentation=masks.encode(shape), parts=parts_of(truth[-1])))
    for score in rng.permutation(20) / 20 + 0.01:
        number = int(rng.integers(0, 10))
        noise = random_labels(rng, np.ones_like(truth[number], bool))
        predicted.append(np.where(rng.random(IMAGE.width) < rng.choice([0.05, 0.3]), noise, truth[number]))
        found.append(answer(cats[number], float(score), parts_of(predicted[-1])))
    return cats, truth, found, predicted


@pytest.mark.parametrize("seed", range(4))
def test_ap_r_part_equals_an_independent_computation(seed):
    """Overlap pixel by pixel, greedy matching by score, the area as a sum over hits of the best later precision."""
    cats, truth, found, predicted = random_scene(np.random.default_rng(seed))
    verdicts, claimed = [], set()
    for row in sorted(range(20), key=lambda row: -found[row]["score"]):
        overlaps = []
        for one, labels in zip(cats, truth, strict=True):
            unlabelled = masks.decode(one.segmentation) & (labels == 0)
            pairs = [(a, b) for a, b in zip(labels[~unlabelled], predicted[row][~unlabelled], strict=True) if a or b]
            overlaps.append(sum(a == b for a, b in pairs) / len(pairs))
        best = int(np.argmax(overlaps))
        verdicts.append(overlaps[best] >= 0.5 and best not in claimed)
        claimed |= {best} if verdicts[-1] else set()
    precision = np.cumsum(verdicts) / np.arange(1, 21)
    expected = sum(precision[rank:].max() for rank in range(20) if verdicts[rank]) / 10
    assert 0 < expected < 1
    metrics = evaluate(cats, found, [answer(one) for one in cats])
    assert metrics["ap_r_part_50"] == pytest.approx(100 * expected)


@pytest.mark.parametrize("seed", range(4))
def test_part_iou_and_accuracy_equal_counting_pixel_by_pixel(seed):
    rng = np.random.default_rng(seed)
    cats, truth, *_ = random_scene(rng)
    predicted = [np.roll(labels, rng.integers(-4, 5, 2), (0, 1)) for labels in truth]
    both, either, right, total = np.zeros(3), np.zeros(3), 0, 0
    for one, true_labels, labels in zip(cats, truth, predicted, strict=True):
        for inside, a, b in zip(
            masks.decode(one.segmentation).ravel(), true_labels.ravel(), labels.ravel(), strict=True
        ):
            if inside and a == 0:
                continue  # belongs to the object, but to no part
            for part in (1, 2):
                both[part] += a == part and b == part
                either[part] += a == part or b == part
            right, total = right + (a == b and a > 0), total + (a > 0)
    metrics = evaluate(
        cats, [], [answer(one, parts=parts_of(labels)) for one, labels in zip(cats, predicted, strict=True)]
    )
    assert metrics["per_category"]["cat"]["part_iou"] == pytest.approx(
        {"head": both[1] / either[1], "legs": both[2] / either[2]}
    )
    assert metrics["mean_part_iou"] == pytest.approx(np.mean(both[1:] / either[1:]))
    assert metrics["pixel_accuracy"] == pytest.approx(right / total)


@pytest.mark.parametrize("seed", range(4))
def test_overlap_equals_counting_pixel_by_pixel(seed):
    rng = np.random.default_rng(seed)
    truth, predicted = (rng.integers(0, 3, (IMAGE.height, IMAGE.width)) for _ in range(2))
    one = replace(cat(1), segmentation=masks.encode(truth > 0), parts=parts_of(truth))
    right = total = 0
    for a, b in zip(truth.ravel(), predicted.ravel(), strict=True):
        right += a == b and a > 0
        total += a > 0 or b > 0
    assert part_overlaps(IMAGE, [answer(one, parts=parts_of(predicted))], [one])[0, 0] == pytest.approx(right / total)
