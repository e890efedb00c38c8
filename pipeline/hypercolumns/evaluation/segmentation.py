"""The metrics of instance masks: AP^r, box AP, mask IoU on ground-truth boxes, and what limits the detections."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Instance
from hypercolumns.annotations.results import Results
from hypercolumns.errors import InputError
from hypercolumns.evaluation import diagnosis
from hypercolumns.evaluation.average_precision import known_mean, points
from hypercolumns.evaluation.detections import (
    THRESHOLDS,
    CategoryMatches,
    box_overlaps,
    group_by_image,
    mask_overlaps,
    match_categories,
    mean_average_precision,
    overlaps_of,
    without_void,
)
from hypercolumns.evaluation.judgement import Answers, Judgement, number, rounded, table
from hypercolumns.evaluation.plots import category_rows, precision_recall_rows
from hypercolumns.parameters import EvaluateParameters, Parameters

HALF, STRICT = 4, 6
"""Positions of .5 and .7 in `THRESHOLDS`."""


@dataclass(frozen=True)
class SegmentationEvaluation:
    """The content of `metrics/segmentation.json`, and the verdicts it was computed from."""

    metrics: dict[str, Any]
    matches: dict[int, CategoryMatches]
    """Of the masks, per category id, at `THRESHOLDS`."""


def judge_segmentation(truth: AnnotationSet, answers: Answers, parameters: Parameters) -> Judgement:
    """Judge the predictions of the task: metrics, headline, plot data and a table for the terminal."""
    evaluation = evaluate_segmentation(
        truth,
        answers.in_detections,
        answers.detections,
        answers.in_instances,
        parameters.evaluate,
        parameters.regions.expansion,
    )
    metrics = rounded(evaluation.metrics)
    summary = {name: metrics[name] for name in ("ap_r_50", "ap_r_70", "ap_r_vol", "box_ap_50")}
    summary |= {name: metrics["ground_truth_boxes"][name] for name in ("mean_iou", "iou_50", "iou_70")}
    plots = {
        "pr_50": rounded(precision_recall_rows(truth, evaluation.matches, HALF)),
        "pr_70": rounded(precision_recall_rows(truth, evaluation.matches, STRICT)),
        "categories": category_rows(metrics["per_category"]),
    }
    titles = ["AP^r .5", "AP^r .7", "AP^r vol", "box AP .5", "mask IoU", "> .5", "> .7", "instances", "detections"]
    return Judgement(
        metrics,
        summary,
        plots,
        table(
            {name: _mask_cells(m) for name, m in [*metrics["per_category"].items(), ("all", metrics)]},
            titles,
            "AP of detections in points; mask IoU and the shares above .5 and .7 with ground-truth boxes.",
        ),
    )


def _mask_cells(m: Mapping[str, Any]) -> list[str]:
    boxes = m["ground_truth_boxes"]
    points = [number(m[name], 1) for name in ("ap_r_50", "ap_r_70", "ap_r_vol", "box_ap_50")]
    shares = [number(boxes[name], 3) for name in ("mean_iou", "iou_50", "iou_70")]
    return [*points, *shares, str(m["positives"]), str(m["detections"])]


def evaluate_segmentation(
    annotations: AnnotationSet,
    detections: Results,
    boxes: Results,
    ground_truth_boxes: Results,
    settings: EvaluateParameters,
    expansion: float,
) -> SegmentationEvaluation:
    """All metrics of the segmentation task.

    Parameters
    ----------
    annotations : the ground truth.
    detections : scored masks (`read_results` of kind `masks`).
    boxes : the scored boxes those masks were predicted in (kind `boxes`).
    ground_truth_boxes : masks predicted in the boxes of instances (kind `ground_truth`).
    expansion : by how much boxes were expanded before prediction (`regions.expansion`).

    Returns
    -------
    SegmentationEvaluation
        AP in points of 0..100, overlaps and shares in 0..1; None where nothing counts. `ap_r_vol` is the mean
        over the overlaps .1, .2, ... .9. `diagnosis` compares verdicts on masks with those on boxes;
        `ap_r_50_perfect_masks` is what AP^r at .5 would be with perfect masks in the detected boxes.

    Notes
    -----
    Paper, section 4.1; matching by `settings.matching`. `per_category` holds the categories by name.
    """
    on_masks = overlaps_of(annotations, detections, mask_overlaps)
    matches = match_categories(annotations, detections, on_masks, THRESHOLDS, settings.matching)
    on_boxes = overlaps_of(annotations, boxes, box_overlaps)
    box_matches = match_categories(annotations, boxes, on_boxes, THRESHOLDS, settings.matching)
    perfect = diagnosis.with_perfect_masks(annotations, boxes, on_boxes, expansion)
    on_perfect = overlaps_of(annotations, perfect, mask_overlaps)
    perfect_matches = match_categories(annotations, perfect, on_perfect, THRESHOLDS, settings.matching)
    instances, ious = ground_truth_box_ious(annotations, ground_truth_boxes, settings)

    per_category = {}
    for category in annotations.categories:
        own = matches[category.id]
        chosen = np.array([i.category_id == category.id for i in instances], dtype=bool)
        per_category[category.name] = {
            "ap_r_50": points(own.average_precision(HALF)),
            "ap_r_70": points(own.average_precision(STRICT)),
            "ap_r_vol": points(_volume({category.id: own})),
            "box_ap_50": points(box_matches[category.id].average_precision(HALF)),
            "detections": len(own.scores),
            "positives": own.positives,
            "ground_truth_boxes": summarise_ious(ious[chosen]),
        }
    metrics = {
        "ap_r_50": points(mean_average_precision(matches, HALF)),
        "ap_r_70": points(mean_average_precision(matches, STRICT)),
        "ap_r_vol": points(_volume(matches)),
        "box_ap_50": points(mean_average_precision(box_matches, HALF)),
        "box_ap_70": points(mean_average_precision(box_matches, STRICT)),
        "detections": len(detections),
        "positives": sum(m.positives for m in matches.values()),
        "ground_truth_boxes": summarise_ious(ious),
        "diagnosis": {
            "masks": diagnosis.diagnose(detections, on_masks, matches, HALF, THRESHOLDS[HALF]),
            "boxes": diagnosis.diagnose(boxes, on_boxes, box_matches, HALF, THRESHOLDS[HALF]),
            "ap_r_50_perfect_masks": points(mean_average_precision(perfect_matches, HALF)),
            "box_recall_50": diagnosis.recall(annotations, on_boxes, THRESHOLDS[HALF]),
            "box_recall_70": diagnosis.recall(annotations, on_boxes, THRESHOLDS[STRICT]),
        },
        "per_category": per_category,
    }
    return SegmentationEvaluation(metrics, matches)


def ground_truth_box_metrics(
    annotations: AnnotationSet, results: Results, settings: EvaluateParameters
) -> dict[str, float | int | None]:
    """`mean_iou`, `iou_50`, `iou_70` and `instances` of masks predicted in ground-truth boxes.

    For the metrics and, many times over, for the ablation; see `ground_truth_box_ious`.
    """
    return summarise_ious(ground_truth_box_ious(annotations, results, settings)[1])


def ground_truth_box_ious(
    annotations: AnnotationSet, results: Results, settings: EvaluateParameters
) -> tuple[list[Instance], NDArray[np.float64]]:
    """The instances that count, of at least `settings.minimum_area` pixels, and the mask IoU (n,) of each.

    Raises
    ------
    InputError
        When one of them has no result: leaving it out would flatter the mean.
    """
    chosen = [
        instance
        for instance in annotations.instances
        if not instance.ignore and masks.area(instance.segmentation) >= settings.minimum_area
    ]
    ious = dict(zip((r["instance_id"] for r in results), mask_ious(annotations, results), strict=True))
    missing = [instance.id for instance in chosen if instance.id not in ious]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(chosen)} instances have no mask among the results on ground-truth boxes, "
            f"the first is instance {missing[0]}; every instance of at least evaluate.minimum_area "
            f"({settings.minimum_area}) pixels that is neither crowd nor difficult needs one."
        )
    return chosen, np.array([ious[instance.id] for instance in chosen], dtype=np.float64)


def mask_ious(annotations: AnnotationSet, results: Results) -> NDArray[np.float64]:
    """Mask IoU (n,) of each result with its own instance (`instance_id`), void pixels left out."""
    ious = np.zeros(len(results))
    for image_id, rows in group_by_image(results).items():
        image = annotations.image_by_id[image_id]
        codes = without_void([results[row]["segmentation"] for row in rows], image)
        for row, code in zip(rows, codes, strict=True):
            instance = annotations.instance_by_id[results[row]["instance_id"]]
            ious[row] = masks.iou([code], [instance.segmentation])[0, 0]
    return ious


def summarise_ious(ious: ArrayLike) -> dict[str, float | int | None]:
    """Mean of (n,) overlaps and the shares above .5 and .7; None for no instances."""
    values = np.asarray(ious, dtype=np.float64)
    if not len(values):
        return {"mean_iou": None, "iou_50": None, "iou_70": None, "instances": 0}
    return {
        "mean_iou": float(values.mean()),
        "iou_50": float(np.mean(values > 0.5)),
        "iou_70": float(np.mean(values > 0.7)),
        "instances": len(values),
    }


def _volume(matches: dict[int, CategoryMatches]) -> float | None:
    """AP^r_vol in 0..1: the mean over all thresholds of the mean AP."""
    return known_mean(mean_average_precision(matches, position) for position in range(len(THRESHOLDS)))
