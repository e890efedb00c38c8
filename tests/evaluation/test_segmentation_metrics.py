"""Segmentation metrics of hand-made and random scenes whose scores are known."""

from dataclasses import replace

import numpy as np
import pytest

from hypercolumns.annotations import masks
from hypercolumns.errors import InputError
from hypercolumns.evaluation.judgement import Answers
from hypercolumns.evaluation.plots import MEAN, category_rows, precision_recall_rows
from hypercolumns.evaluation.segmentation import (
    AT_50,
    evaluate_segmentation,
    ground_truth_box_ious,
    ground_truth_box_metrics,
    mask_ious,
    summarise_ious,
)
from hypercolumns.parameters import EvaluateParameters
from tests.evaluation.scenes_for_evaluation import annotation_set, detection, instance, perfect, random_scene, rectangle

VOC = EvaluateParameters(matching="voc", minimum_area=0)
BEST_FREE = EvaluateParameters(matching="best_free", minimum_area=0)
EXPANSION = 1.2


def scene(seed=0, **chances):
    return random_scene(np.random.default_rng(seed), **chances)


def evaluate(annotations, detections, settings=VOC):
    answers = Answers(detections, perfect(annotations), detections)
    return evaluate_segmentation(annotations, answers, settings, EXPANSION)[0]


def headline(metrics):
    return [metrics[key] for key in ("ap_r_50", "ap_r_70", "ap_r_vol", "box_ap_50", "box_ap_70")]


@pytest.mark.parametrize("settings", [VOC, BEST_FREE])
def test_a_perfect_prediction_scores_100(settings):
    annotations, _ = scene()
    metrics = evaluate(annotations, perfect(annotations), settings)
    assert headline(metrics)[:2] == [100, 100]
    assert metrics["ap_r_vol"] == pytest.approx(100)
    assert metrics["ground_truth_boxes"]["mean_iou"] == 1
    assert metrics["ground_truth_boxes"]["iou_70"] == 1


@pytest.mark.parametrize("settings", [VOC, BEST_FREE])
def test_no_detections_score_0_and_miss_every_instance(settings):
    annotations, _ = scene()
    metrics = evaluate(annotations, [], settings)
    assert headline(metrics) == [0, 0, 0, 0, 0]
    assert metrics["detections"] == 0
    assert metrics["diagnosis"]["boxes"]["missed"] == metrics["positives"]


def test_boxes_of_answers_and_detected_boxes_are_judged_apart():
    annotations, _ = scene()
    right = perfect(annotations)
    corner = {"bbox": [0.0, 0.0, 1.0, 1.0], "segmentation": masks.encode(rectangle(0, 0, 1, 1))}
    wrong = [{**result, **corner} for result in right]
    fits = evaluate_segmentation(annotations, Answers(right, right, wrong), VOC, EXPANSION)[0]
    assert (fits["box_ap_50"], fits["box_ap_70"]) == (100, 100)
    assert fits["detected_boxes"] == {"ap_50": 0, "ap_70": 0}
    assert fits["diagnosis"]["boxes"]["missed"] == 0
    found = evaluate_segmentation(annotations, Answers(wrong, right, right), VOC, EXPANSION)[0]
    assert (found["box_ap_50"], found["box_ap_70"]) == (0, 0)
    assert found["detected_boxes"] == {"ap_50": 100, "ap_70": 100}
    assert found["diagnosis"]["ap_r_50_perfect_masks"] == 100


def test_empty_masks_score_0():
    annotations, _ = scene()
    empty = masks.encode(np.zeros((40, 60), dtype=bool))
    results = [result | {"segmentation": empty} for result in perfect(annotations)]
    metrics, _ = evaluate_segmentation(annotations, Answers(results, results, results), VOC, EXPANSION)
    assert headline(metrics)[:3] == [0, 0, 0]
    assert metrics["ground_truth_boxes"]["mean_iou"] == 0


def test_the_metrics_are_none_without_instances():
    metrics = evaluate(annotation_set(), [detection((0, 0, 9, 9), 0.5)])
    assert headline(metrics) == [None] * 5
    assert metrics["ground_truth_boxes"] == {"mean_iou": None, "iou_50": None, "iou_70": None, "instances": 0}


def test_duplicates_are_false_positives():
    """With every detection given twice, the precision at the k-th hit is k / (2k - 1)."""
    annotations = annotation_set(instance(1, (0, 0, 10, 10)), instance(2, (20, 20, 40, 30)))
    twice = [found | {"score": s} for found, s in zip(perfect(annotations), (0.9, 0.5), strict=True) for _ in "12"]
    assert evaluate(annotations, twice)["ap_r_50"] == pytest.approx(100 * (1 + 2 / 3) / 2)


def test_categories_without_instances_do_not_change_the_mean():
    annotations, detections = scene()
    extra = [detection((0, 0, 30, 30), 0.99, category_id=7)]
    assert evaluate(annotations, detections + extra)["ap_r_50"] == evaluate(annotations, detections)["ap_r_50"]
    assert evaluate(annotations, detections + extra)["per_category"]["car"]["ap_r_50"] is None
    assert evaluate(annotations, detections + extra)["per_category"]["car"]["detections"] == 1


@pytest.mark.parametrize("settings", [VOC, BEST_FREE])
def test_ignored_instances_do_not_count_and_detections_on_them_are_neutral(settings):
    """Adding detections of difficult and crowd instances changes no average precision."""
    annotations = annotation_set(
        instance(1, (0, 0, 10, 10)),
        instance(2, (20, 0, 30, 10)),
        instance(3, (40, 0, 50, 10), difficult=True),
        instance(4, (0, 20, 30, 40), crowd=True),
    )
    real = [detection((0, 0, 10, 9), 0.5), detection((21, 0, 30, 10), 0.4), detection((35, 20, 45, 30), 0.45)]
    on_ignored = [detection((40, 0, 50, 10), 0.9), detection((5, 25, 15, 35), 0.8), detection((5, 25, 15, 35), 0.7)]
    assert headline(evaluate(annotations, real + on_ignored, settings)) == headline(
        evaluate(annotations, real, settings)
    )


@pytest.mark.parametrize("settings", [VOC, BEST_FREE])
@pytest.mark.parametrize("seed", range(3))
def test_masks_that_fill_their_boxes_score_like_boxes(seed, settings):
    metrics = evaluate(*scene(seed), settings)
    assert metrics["ap_r_50"] == pytest.approx(metrics["box_ap_50"])
    assert metrics["ap_r_70"] == pytest.approx(metrics["box_ap_70"])
    assert metrics["diagnosis"]["masks"] == metrics["diagnosis"]["boxes"]


def test_volume_is_the_mean_over_nine_overlaps():
    """A mask of IoU .65 is right at .1 ... .6: six of nine."""
    annotations = annotation_set(instance(1, (0, 0, 20, 20)))
    assert evaluate(annotations, [detection((0, 0, 20, 13), 0.5)])["ap_r_vol"] == pytest.approx(100 * 6 / 9)


@pytest.mark.parametrize(("rows", "half", "strict"), [(9, 0, 0), (11, 100, 0), (13, 100, 0), (15, 100, 100)])
def test_keys_name_their_thresholds(rows, half, strict):
    """A mask of `rows` of the 20 rows of its instance has the IoU rows / 20; its box likewise."""
    metrics = evaluate(annotation_set(instance(1, (0, 0, 20, 20))), [detection((0, 0, 20, rows), 0.5)])
    assert headline(metrics)[:2] == headline(metrics)[3:] == [half, strict]


def test_equal_scores_of_different_images_keep_the_order_of_the_file():
    annotations = annotation_set(instance(1, (0, 0, 20, 20)), images=2)
    wrong, right = detection((30, 0, 50, 20), 0.5, image_id=2), detection((0, 0, 20, 20), 0.5)
    also_wrong = detection((30, 20, 50, 40), 0.1, image_id=2)
    assert evaluate(annotations, [also_wrong, right, wrong])["ap_r_50"] == 100
    assert evaluate(annotations, [also_wrong, wrong, right])["ap_r_50"] == 50


def test_the_overall_score_is_the_mean_over_categories():
    metrics = evaluate(*scene(4))
    volumes = [m["ap_r_vol"] for m in metrics["per_category"].values() if m["positives"]]
    assert len(volumes) == 2
    assert metrics["ap_r_vol"] == pytest.approx(np.mean(volumes))


def test_the_order_of_detections_with_distinct_scores_does_not_matter():
    annotations, detections = scene(5)
    assert evaluate(annotations, detections[::-1]) == evaluate(annotations, detections)


def test_void_pixels_are_removed_from_predictions():
    """A mask that spills only into void pixels is perfect; without the void mask it is not."""
    truth, spilt = (0, 0, 20, 20), (0, 0, 30, 20)
    plain = annotation_set(instance(1, truth))
    void = annotation_set(instance(1, truth), void=masks.encode(rectangle(20, 0, 60, 40)))
    found = [detection(spilt, 0.5) | {"instance_id": 1}]
    assert mask_ious(plain, found) == pytest.approx(2 / 3)
    assert mask_ious(void, found) == 1
    assert evaluate(plain, found)["ap_r_70"] == 0
    assert evaluate(void, found)["ap_r_70"] == 100


def test_mask_ious_equal_those_of_boolean_arrays():
    rng = np.random.default_rng(1)
    annotations, _ = scene(1)
    results, expected = [], []
    for result in perfect(annotations):
        mask = rng.random((40, 60)) < 0.3
        truth = masks.decode(result["segmentation"])
        results.append(result | {"segmentation": masks.encode(mask)})
        expected.append((mask & truth).sum() / (mask | truth).sum())
    np.testing.assert_allclose(mask_ious(annotations, results), expected)


def test_small_and_ignored_instances_do_not_count_in_ground_truth_boxes():
    annotations = annotation_set(
        instance(1, (0, 0, 10, 10)), instance(2, (20, 0, 30, 9)), instance(3, (40, 0, 60, 20), crowd=True)
    )
    counted, ious = ground_truth_box_ious(annotations, perfect(annotations), EvaluateParameters(minimum_area=100))
    assert [i.id for i in counted] == [1]
    assert ious.tolist() == [1]


def test_the_overall_mean_iou_is_over_instances_and_not_over_categories():
    annotations = annotation_set(
        instance(1, (0, 0, 10, 10)), instance(2, (20, 0, 30, 10)), instance(3, (40, 0, 50, 10), category_id=2)
    )
    empty = masks.encode(np.zeros((40, 60), dtype=bool))
    results = perfect(annotations)
    results[2]["segmentation"] = empty
    metrics, _ = evaluate_segmentation(annotations, Answers([], results, []), VOC, EXPANSION)
    assert metrics["ground_truth_boxes"]["mean_iou"] == pytest.approx(2 / 3)
    assert metrics["per_category"]["person"]["ground_truth_boxes"]["mean_iou"] == 1
    assert metrics["per_category"]["horse"]["ground_truth_boxes"]["mean_iou"] == 0
    assert metrics["ground_truth_boxes"] == ground_truth_box_metrics(annotations, results, VOC)


def test_an_instance_without_a_result_is_refused():
    annotations, _ = scene()
    counted = next(i for i in annotations.instances if not i.ignore)
    results = [result for result in perfect(annotations) if result["instance_id"] != counted.id]
    with pytest.raises(InputError, match=rf"1 of .* the first of them instance {counted.id};"):
        ground_truth_box_metrics(annotations, results, VOC)


def test_shares_are_strictly_above_their_thresholds():
    assert summarise_ious([0.5, 0.50001, 0.7, 0.9]) == {
        "mean_iou": pytest.approx(0.65, abs=1e-4),
        "iou_50": 0.75,
        "iou_70": 0.25,
        "instances": 4,
    }


def test_plot_rows_hold_the_curves_of_categories_with_instances_and_their_mean():
    annotations, detections = scene(2)
    answers = Answers(detections, perfect(annotations), detections)
    metrics, matches = evaluate_segmentation(annotations, answers, VOC, EXPANSION)
    rows = precision_recall_rows(annotations, matches, AT_50)
    assert [row["recall"] for row in rows] == [k / 100 for k in range(101)]
    assert list(rows[0]) == ["recall", MEAN, "person", "horse"]
    for row in rows:
        assert row[MEAN] == pytest.approx((row["person"] + row["horse"]) / 2, abs=1e-4)
    area = np.mean([row["person"] for row in rows])
    per_category = metrics["per_category"]
    assert 100 * area == pytest.approx(per_category["person"]["ap_r_50"], abs=1.5)
    by_ap = sorted(("person", "horse"), key=lambda name: -per_category[name]["ap_r_50"])
    assert [row["category"] for row in category_rows(per_category)] == by_ap


def test_there_are_no_plot_rows_without_instances():
    annotations, detections = scene(2)
    nothing = replace(annotations, instances=())
    metrics, matches = evaluate_segmentation(nothing, Answers(detections, [], detections), VOC, EXPANSION)
    assert precision_recall_rows(nothing, matches, AT_50) == []
    assert category_rows(metrics["per_category"]) == []


def test_an_image_without_detections_and_instances_changes_nothing():
    annotations, detections = scene(6)
    more = replace(annotations, images=(*annotations.images, replace(annotations.images[0], id=99)))
    metrics, same = evaluate(more, detections), evaluate(annotations, detections)
    assert metrics.pop("standard_errors")["ap_r_50"] > 0 < same.pop("standard_errors")["ap_r_50"]
    assert metrics == same
