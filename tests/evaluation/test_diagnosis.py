"""Diagnosis: each detection has one kind, and a gain is the AP of the detections with that kind fixed."""

import numpy as np
import pytest

from hypercolumns.annotations import masks
from hypercolumns.evaluation.detections import (
    THRESHOLDS,
    box_overlaps,
    mask_overlaps,
    match_categories,
    overlaps_by_image,
)
from hypercolumns.evaluation.diagnosis import classify, diagnose, recall, with_perfect_masks
from hypercolumns.evaluation.judgement import Answers
from hypercolumns.evaluation.segmentation import AT_50, evaluate_segmentation
from hypercolumns.parameters import EvaluateParameters
from tests.evaluation.scenes_for_evaluation import annotation_set, detection, instance, perfect, random_scene, rectangle


def matched(annotations, detections, matching="voc"):
    overlaps = overlaps_by_image(annotations, detections, mask_overlaps)
    return overlaps, match_categories(annotations, detections, overlaps, THRESHOLDS, matching)


def kinds_of(annotations, detections, matching="voc"):
    return classify(*matched(annotations, detections, matching), AT_50)


def diagnosis_of(annotations, detections):
    return diagnose(*matched(annotations, detections), AT_50)


def mean_ap(annotations, detections):
    settings = EvaluateParameters(matching="voc", minimum_area=0)
    answers = Answers(detections, perfect(annotations), [])
    return evaluate_segmentation(annotations, answers, settings, 1.2)[0]["ap_r_50"]


@pytest.mark.parametrize("matching", ["voc", "best_free"])
def test_one_detection_of_each_kind_is_recognised(matching):
    annotations = annotation_set(
        instance(1, (0, 0, 10, 10)),
        instance(2, (20, 0, 30, 10), category_id=2),
        instance(3, (40, 0, 50, 10), difficult=True),
        instance(4, (0, 20, 30, 40), crowd=True),
    )
    detections = {
        "correct": detection((0, 0, 10, 10), 0.9),
        "duplicate": detection((0, 0, 10, 9), 0.8),
        "mislocalised": detection((0, 0, 10, 3), 0.7),
        "other_category": detection((20, 0, 30, 10), 0.6),
        "neutral": detection((40, 0, 50, 10), 0.5),
        "background": detection((40, 20, 50, 30), 0.4),
    }
    on_crowd = detection((2, 22, 12, 32), 0.3)
    found = kinds_of(annotations, [*detections.values(), on_crowd], matching)
    assert found.tolist() == [*detections, "neutral"]


@pytest.mark.parametrize("seed", range(4))
def test_every_detection_has_one_kind_and_every_instance_is_found_or_missed(seed):
    annotations, detections = random_scene(np.random.default_rng(seed))
    result = diagnosis_of(annotations, detections)
    assert sum(result["detections"].values()) == len(detections)
    assert result["detections"]["correct"] + result["missed"] == sum(not i.ignore for i in annotations.instances)


@pytest.mark.parametrize("kind", ["duplicate", "other_category", "background"])
@pytest.mark.parametrize("seed", range(3))
def test_the_gain_of_a_kind_is_what_removing_its_detections_gains(seed, kind):
    annotations, detections = random_scene(np.random.default_rng(seed))
    kinds = kinds_of(annotations, detections)
    kept = [found for found, k in zip(detections, kinds, strict=True) if k != kind]
    assert len(kept) < len(detections)
    gain = diagnosis_of(annotations, detections)["ap_gain"][kind]
    assert gain == pytest.approx(mean_ap(annotations, kept) - mean_ap(annotations, detections))
    assert gain >= 0


def test_fixing_localisation_moves_the_best_scored_detection_and_removes_the_rest():
    annotations = annotation_set(instance(1, (0, 0, 10, 10)), instance(2, (20, 0, 30, 10)))
    detections = [
        detection((0, 0, 10, 3), 0.9),
        detection((0, 0, 10, 4), 0.8),
        detection((20, 0, 30, 10), 0.7),
    ]
    assert mean_ap(annotations, detections) == pytest.approx(100 / 2 / 3)
    assert diagnosis_of(annotations, detections)["ap_gain"]["mislocalised"] == pytest.approx(100 - 100 / 2 / 3)


@pytest.mark.parametrize("category_id", [1, 2])
def test_a_false_detection_is_attributed_to_an_instance_from_an_overlap_of_a_tenth(category_id):
    annotations = annotation_set(instance(1, (0, 0, 20, 20)))
    detections = [detection((0, 0, 20, rows), 0.5, category_id) for rows in (1, 2, 9)]
    attributed = "mislocalised" if category_id == 1 else "other_category"
    assert kinds_of(annotations, detections).tolist() == ["background", attributed, attributed]


def test_fixing_localisation_does_not_move_a_detection_onto_an_ignored_instance():
    annotations = annotation_set(instance(1, (0, 0, 10, 10)), instance(2, (20, 0, 30, 10), difficult=True))
    detections = [detection((20, 0, 30, 4), 0.9), detection((0, 0, 10, 10), 0.8)]
    assert kinds_of(annotations, detections).tolist() == ["mislocalised", "correct"]
    assert mean_ap(annotations, detections) == 50
    assert diagnosis_of(annotations, detections)["ap_gain"]["mislocalised"] == pytest.approx(50)


def test_the_gain_of_missed_instances_is_that_of_full_recall_at_the_same_precision():
    annotations = annotation_set(instance(1, (0, 0, 10, 10)), instance(2, (20, 0, 30, 10)))
    result = diagnosis_of(annotations, [detection((0, 0, 10, 10), 0.9)])
    assert result["missed"] == 1
    assert result["ap_gain"]["missed"] == pytest.approx(50)


def test_a_category_without_a_hit_stays_in_the_mean():
    annotations = annotation_set(instance(1, (0, 0, 10, 10)), instance(2, (20, 0, 30, 10), category_id=2))
    assert diagnosis_of(annotations, [detection((0, 0, 10, 10), 0.9)])["ap_gain"]["missed"] == 0


def test_a_perfect_prediction_has_nothing_to_gain():
    annotations = annotation_set(instance(1, (0, 0, 10, 10)), instance(2, (20, 0, 30, 10), category_id=2))
    result = diagnosis_of(annotations, perfect(annotations))
    assert set(result["ap_gain"].values()) == {0.0}


def test_recall_separates_misnamed_instances_from_missed_ones():
    annotations = annotation_set(
        instance(1, (0, 0, 10, 10)),
        instance(2, (20, 0, 30, 10)),
        instance(3, (40, 0, 50, 10)),
        instance(4, (40, 20, 50, 30), difficult=True),
        instance(5, (0, 0, 10, 10), image_id=2),
        images=2,
    )
    detections = [detection((0, 0, 10, 10), 0.9), detection((20, 0, 30, 10), 0.8, category_id=2)]
    overlaps = overlaps_by_image(annotations, detections, box_overlaps)
    assert recall(overlaps, 0.5) == {"own_category": 0.25, "any_category": 0.5}
    assert recall(overlaps_by_image(annotation_set(), [], box_overlaps), 0.5) == {
        "own_category": None,
        "any_category": None,
    }


def test_a_perfect_mask_is_that_of_the_touched_instance_cut_to_the_expanded_box():
    annotations = annotation_set(
        instance(1, (0, 0, 10, 10)),
        instance(2, (6, 0, 26, 10)),
        instance(3, (10, 10, 30, 30), category_id=2),
        instance(4, (0, 0, 60, 40), crowd=True),
    )
    boxes = [detection((2, 0, 12, 10), 0.9), detection((50, 0, 60, 10), 0.8), detection((0, 0, 9, 9), 0.7, 2)]
    overlaps = overlaps_by_image(annotations, boxes, box_overlaps)
    (image,) = annotations.images
    found = [masks.decode(r["segmentation"]) for r in with_perfect_masks(image, boxes, overlaps[image.id], 1.2)]
    np.testing.assert_array_equal(found[0], rectangle(1, 0, 10, 10))
    np.testing.assert_array_equal(found[1], rectangle(49, 0, 60, 11))
    assert not found[2].any()


@pytest.mark.parametrize("seed", range(4))
def test_perfect_masks_in_true_boxes_score_100_and_detected_masks_less(seed):
    annotations, detections = random_scene(np.random.default_rng(seed), crowd=0)
    settings = EvaluateParameters(matching="voc", minimum_area=0)
    truth = perfect(annotations)
    metrics, _ = evaluate_segmentation(annotations, Answers(detections, truth, truth), settings, 1.2)
    assert metrics["diagnosis"]["ap_r_50_perfect_masks"] == 100
    assert metrics["ap_r_50"] < 100
