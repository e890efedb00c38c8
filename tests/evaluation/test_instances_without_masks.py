"""Instances of which only the box is annotated: they count for boxes and keypoints, and are neutral for masks."""

from dataclasses import replace

import numpy as np
import pytest

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import Category, Image, Part
from hypercolumns.evaluation.detections import box_mask, counted_instances, mask_or_box
from hypercolumns.evaluation.judgement import Answers
from hypercolumns.evaluation.keypoints import evaluate_keypoints
from hypercolumns.evaluation.parts import evaluate_parts
from hypercolumns.evaluation.segmentation import evaluate_segmentation, ground_truth_box_metrics
from hypercolumns.parameters import EvaluateParameters
from tests.evaluation.scenes_for_evaluation import (
    HEIGHT,
    WIDTH,
    annotation_set,
    detection,
    instance,
    perfect,
    random_scene,
    rectangle,
)

BOTH_RULES = pytest.mark.parametrize("settings", [EvaluateParameters(matching=m) for m in ("voc", "best_free")])
MASK_METRICS = ("ap_r_50", "ap_r_70", "ap_r_vol", "positives", "ground_truth_boxes")
BOX_METRICS = ("box_ap_50", "box_ap_70", "detections")


def random_scene_and_unmasked(seed):
    """A random scene, whose masks fill their boxes, and the ids of about half of its instances."""
    rng = np.random.default_rng(seed)
    annotations, detections = random_scene(rng)
    return annotations, detections, {i.id for i in annotations.instances if rng.random() < 0.5}


def changed(annotations, ids, **changes):
    """The annotations with `changes` of the instances `ids`."""
    instances = tuple(replace(i, **changes) if i.id in ids else i for i in annotations.instances)
    return replace(annotations, instances=instances)


def evaluate(annotations, detections, settings):
    in_instances = [r | {"segmentation": masks.encode(rectangle(0, 0, 30, 20))} for r in perfect(annotations)]
    return evaluate_segmentation(annotations, Answers(detections, in_instances, detections), settings, 1.2)[0]


@BOTH_RULES
@pytest.mark.parametrize("seed", range(4))
def test_masks_are_judged_as_if_the_instances_were_crowds(seed, settings):
    """Where a mask fills its box, the box is the mask, so that marking the instance as a crowd is an oracle."""
    annotations, detections, ids = random_scene_and_unmasked(seed)
    found = evaluate(changed(annotations, ids, segmentation=None), detections, settings)
    expected = evaluate(changed(annotations, ids, crowd=True), detections, settings)
    assert found["positives"] < evaluate(annotations, detections, settings)["positives"]
    assert {key: found[key] for key in MASK_METRICS} == {key: expected[key] for key in MASK_METRICS}
    assert found["diagnosis"]["masks"] == expected["diagnosis"]["masks"]
    for name, metrics in found["per_category"].items():
        assert {key: metrics[key] for key in MASK_METRICS} == {
            key: expected["per_category"][name][key] for key in MASK_METRICS
        }


@BOTH_RULES
def test_a_right_mask_of_a_thin_object_without_a_mask_is_not_punished(settings):
    """The mask covers a tenth of the box; detected with the highest score, it leaves the AP of the others at 100."""
    annotations = annotation_set(instance(1, (0, 0, 10, 10)), instance(2, (20, 0, 40, 20), segmentation=None))
    thin = detection((20, 0, 40, 20), 0.9) | {"segmentation": masks.encode(rectangle(29, 0, 31, 20))}
    metrics = evaluate(annotations, [thin, detection((0, 0, 10, 10), 0.5)], settings)
    assert [metrics[key] for key in ("ap_r_50", "ap_r_70", "ap_r_vol")] == pytest.approx([100] * 3)
    assert metrics["detected_boxes"]["ap_50"] == 100
    assert metrics["diagnosis"]["ap_r_50_perfect_masks"] == 100
    assert metrics["diagnosis"]["masks"]["detections"]["neutral"] == 1


@BOTH_RULES
@pytest.mark.parametrize("seed", range(4))
def test_boxes_are_judged_as_if_the_masks_were_there(seed, settings):
    annotations, detections, ids = random_scene_and_unmasked(seed)
    found = evaluate(changed(annotations, ids, segmentation=None), detections, settings)
    expected = evaluate(annotations, detections, settings)
    assert {key: found[key] for key in BOX_METRICS} == {key: expected[key] for key in BOX_METRICS}
    for key in ("boxes", "box_recall_50", "box_recall_70"):
        assert found["diagnosis"][key] == expected["diagnosis"][key]
    for name, metrics in found["per_category"].items():
        assert metrics["box_ap_50"] == expected["per_category"][name]["box_ap_50"]


def test_without_any_mask_only_the_metrics_of_boxes_have_values():
    annotations, detections, _ = random_scene_and_unmasked(1)
    everything = {i.id for i in annotations.instances}
    metrics = evaluate(changed(annotations, everything, segmentation=None), detections, EvaluateParameters())
    assert metrics["box_ap_50"] > 0
    assert [metrics[key] for key in ("ap_r_50", "ap_r_70", "ap_r_vol")] == [None] * 3
    assert metrics["positives"] == metrics["ground_truth_boxes"]["instances"] == 0
    assert metrics["ground_truth_boxes"]["mean_iou"] is None
    assert metrics["diagnosis"]["ap_r_50_perfect_masks"] is None
    assert metrics["diagnosis"]["masks"]["missed"] == 0
    assert metrics["diagnosis"]["boxes"]["missed"] > 0


def test_an_instance_without_a_mask_needs_no_mask_in_its_box():
    annotations = annotation_set(instance(1, (0, 0, 10, 10)), instance(2, (20, 0, 40, 10), segmentation=None))
    only_first = perfect(annotations)[:1]
    metrics = ground_truth_box_metrics(annotations, only_first, EvaluateParameters())
    assert metrics == {"mean_iou": 1, "iou_50": 1, "iou_70": 1, "instances": 1}


@pytest.mark.parametrize("minimum", [150, 151])
def test_the_minimum_area_asks_for_the_annotated_area(minimum):
    one = instance(1, (0, 0, 20, 10), segmentation=None, area=150.0)
    assert len(counted_instances(annotation_set(one), minimum)) == (minimum <= 150)


def test_a_box_as_a_mask_covers_its_pixels_inside_the_photograph():
    image = Image(1, "a.jpg", WIDTH, HEIGHT)
    found = masks.decode(box_mask((-5.0, 3.4, 10.6, 99.0), image))
    assert np.array_equal(found, rectangle(0, 3, 11, HEIGHT))
    assert masks.area(box_mask((70.0, 3.0, 80.0, 9.0), image)) == 0
    figure = masks.encode(rectangle(2, 3, 4, 5))
    assert mask_or_box(instance(1, (0, 0, 9, 9), segmentation=figure), image) == figure


def test_keypoints_are_judged_as_if_the_masks_were_there():
    people = [
        replace(instance(n, (x, 0, x + 12, 20)), keypoints=(x + 3.0, 5.0, 2)) for n, x in enumerate((0, 20, 40), 1)
    ]
    truth = replace(annotation_set(*people), categories=(Category(1, "person", ("nose",)),))
    answers = [
        {
            "image_id": 1,
            "category_id": 1,
            "instance_id": i.id,
            "score": 0.5 + i.id / 10,
            "keypoints": [i.keypoints[0] + moved, 5.0, 0.9],
        }
        for i, moved in zip(people, (0.0, 30.0, 0.5), strict=True)
    ]
    unmasked = changed(truth, {1, 2, 3}, segmentation=None)
    expected = evaluate_keypoints(truth, answers, answers, EvaluateParameters())
    assert expected["mean_pck"] == pytest.approx(2 / 3)
    assert evaluate_keypoints(unmasked, answers, answers, EvaluateParameters()) == expected


def test_parts_of_an_instance_without_a_mask_neither_count_nor_punish():
    """The metrics are those of the photograph without the instance and without the detection of it."""

    def cat(number, x, **changes):
        parts = (Part("head", masks.encode(rectangle(x, 0, x + 10, 10))),)
        return instance(number, (x, 0, x + 10, 20), **({"parts": parts} | changes))

    def found(x, score, number):
        head = {"name": "head", "segmentation": masks.encode(rectangle(x, 0, x + 10, 9))}
        return detection((x, 0, x + 10, 20), score) | {"parts": [head], "instance_id": number}

    def evaluated(instances, answers):
        truth = replace(annotation_set(*instances), categories=(Category(1, "cat", parts=("head",)),))
        return evaluate_parts(truth, answers, answers, EvaluateParameters())[0]

    counted = [cat(1, 0)], [found(0, 0.5, 1)]
    with_unmasked = [*counted[0], cat(2, 30, segmentation=None)], [*counted[1], found(30, 0.9, 2)]
    expected, metrics = evaluated(*counted), evaluated(*with_unmasked)
    assert expected["ap_r_part_50"] == 100
    for key in ("ap_r_part_50", "ap_r_part_70", "mean_part_iou", "pixel_accuracy"):
        assert metrics[key] == expected[key]
    assert metrics["per_category"]["cat"]["positives"] == 1
