"""Segmentation metrics: AP^r and box AP of detections, mask IoU in ground-truth boxes, causes of lost precision."""

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
from hypercolumns.evaluation.average_precision import known_mean, to_points
from hypercolumns.evaluation.detections import (
    THRESHOLDS,
    CategoryMatches,
    box_overlaps,
    group_by_image,
    mask_overlaps,
    match_categories,
    mean_average_precision,
    overlaps_by_image,
    without_void,
)
from hypercolumns.evaluation.judgement import Answers, Judgement, number, rounded, table
from hypercolumns.evaluation.plots import category_rows, precision_recall_rows
from hypercolumns.parameters import EvaluateParameters, Parameters

AT_50, AT_70 = 4, 6
"""Positions of .5 and .7 in `THRESHOLDS`."""


@dataclass(frozen=True)
class SegmentationEvaluation:
    """Metrics of the segmentation task, and the verdicts they were computed from."""

    metrics: dict[str, Any]
    """Content of `metrics/segmentation.json`; see `evaluate_segmentation`."""
    matches: dict[int, CategoryMatches]
    """Verdicts on the masks at `THRESHOLDS`, by category id."""


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
        "pr_50": rounded(precision_recall_rows(truth, evaluation.matches, AT_50)),
        "pr_70": rounded(precision_recall_rows(truth, evaluation.matches, AT_70)),
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
    """Cells of one row of the table."""
    boxes = m["ground_truth_boxes"]
    precisions = [number(m[name], 1) for name in ("ap_r_50", "ap_r_70", "ap_r_vol", "box_ap_50")]
    shares = [number(boxes[name], 3) for name in ("mean_iou", "iou_50", "iou_70")]
    return [*precisions, *shares, str(m["positives"]), str(m["detections"])]


def evaluate_segmentation(
    annotations: AnnotationSet,
    detections: Results,
    boxes: Results,
    ground_truth_boxes: Results,
    settings: EvaluateParameters,
    expansion: float,
) -> SegmentationEvaluation:
    """Compute all metrics of the segmentation task.

    Parameters
    ----------
    annotations
        The ground truth.
    detections
        Scored masks in detected boxes.
    boxes
        The scored boxes that those masks were predicted in.
    ground_truth_boxes
        Masks predicted in the boxes of instances.
    settings
        Matching rule, and minimum area of instances in ground-truth boxes.
    expansion
        Factor by which boxes are expanded before prediction (`regions.expansion`).

    Returns
    -------
    SegmentationEvaluation
        AP in points of 0..100, overlaps and shares in 0..1; None where nothing counts. `ap_r_vol` is the mean AP^r
        over the overlaps .1, .2, ... .9. `diagnosis` has the causes of lost precision for masks and for boxes; its
        `ap_r_50_perfect_masks` is AP^r at .5 if the masks in the detected boxes were perfect. `per_category` holds
        the metrics by category name.

    Raises
    ------
    InputError
        When an instance that counts has no result in its ground-truth box.

    Notes
    -----
    Paper, section 4.1.
    """
    on_masks = overlaps_by_image(annotations, detections, mask_overlaps)
    matches = match_categories(annotations, detections, on_masks, THRESHOLDS, settings.matching)
    on_boxes = overlaps_by_image(annotations, boxes, box_overlaps)
    box_matches = match_categories(annotations, boxes, on_boxes, THRESHOLDS, settings.matching)
    perfect = diagnosis.with_perfect_masks(annotations, boxes, on_boxes, expansion)
    on_perfect = overlaps_by_image(annotations, perfect, mask_overlaps)
    perfect_matches = match_categories(annotations, perfect, on_perfect, THRESHOLDS, settings.matching)
    instances, ious = ground_truth_box_ious(annotations, ground_truth_boxes, settings)

    per_category = {}
    for category in annotations.categories:
        matched = matches[category.id]
        in_category = np.array([i.category_id == category.id for i in instances], dtype=bool)
        per_category[category.name] = {
            "ap_r_50": to_points(matched.average_precision(AT_50)),
            "ap_r_70": to_points(matched.average_precision(AT_70)),
            "ap_r_vol": to_points(_ap_r_vol({category.id: matched})),
            "box_ap_50": to_points(box_matches[category.id].average_precision(AT_50)),
            "detections": len(matched.scores),
            "positives": matched.positives,
            "ground_truth_boxes": summarise_ious(ious[in_category]),
        }
    metrics = {
        "ap_r_50": to_points(mean_average_precision(matches, AT_50)),
        "ap_r_70": to_points(mean_average_precision(matches, AT_70)),
        "ap_r_vol": to_points(_ap_r_vol(matches)),
        "box_ap_50": to_points(mean_average_precision(box_matches, AT_50)),
        "box_ap_70": to_points(mean_average_precision(box_matches, AT_70)),
        "detections": len(detections),
        "positives": sum(m.positives for m in matches.values()),
        "ground_truth_boxes": summarise_ious(ious),
        "diagnosis": {
            "masks": diagnosis.diagnose(detections, on_masks, matches, AT_50, THRESHOLDS[AT_50]),
            "boxes": diagnosis.diagnose(boxes, on_boxes, box_matches, AT_50, THRESHOLDS[AT_50]),
            "ap_r_50_perfect_masks": to_points(mean_average_precision(perfect_matches, AT_50)),
            "box_recall_50": diagnosis.recall(annotations, on_boxes, THRESHOLDS[AT_50]),
            "box_recall_70": diagnosis.recall(annotations, on_boxes, THRESHOLDS[AT_70]),
        },
        "per_category": per_category,
    }
    return SegmentationEvaluation(metrics, matches)


def ground_truth_box_metrics(
    annotations: AnnotationSet, results: Results, settings: EvaluateParameters
) -> dict[str, float | int | None]:
    """Compute `mean_iou`, `iou_50`, `iou_70` and `instances` of masks predicted in ground-truth boxes.

    See Also
    --------
    ground_truth_box_ious : the overlaps, and which instances count.
    summarise_ious : the values.
    """
    return summarise_ious(ground_truth_box_ious(annotations, results, settings)[1])


def ground_truth_box_ious(
    annotations: AnnotationSet, results: Results, settings: EvaluateParameters
) -> tuple[list[Instance], NDArray[np.float64]]:
    """Mask IoU in ground-truth boxes of the instances that count.

    Parameters
    ----------
    annotations
        The ground truth.
    results
        Masks predicted in the boxes of instances.
    settings
        `minimum_area` is the number of pixels that an instance must have to count.

    Returns
    -------
    instances : list of Instance
        The n instances that count.
    ious : numpy.ndarray
        (n,) mask IoU of each with its result.

    Raises
    ------
    InputError
        When one of them has no result: leaving it out would flatter the mean.
    """
    counted = [
        instance
        for instance in annotations.instances
        if not instance.ignore and masks.area(instance.segmentation) >= settings.minimum_area
    ]
    ious = dict(zip((r["instance_id"] for r in results), mask_ious(annotations, results), strict=True))
    missing = [instance.id for instance in counted if instance.id not in ious]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(counted)} instances have no mask among the results in ground-truth boxes, "
            f"the first of them instance {missing[0]}; every instance of at least evaluate.minimum_area "
            f"({settings.minimum_area}) pixels that is neither crowd nor difficult needs one."
        )
    return counted, np.array([ious[instance.id] for instance in counted], dtype=np.float64)


def mask_ious(annotations: AnnotationSet, results: Results) -> NDArray[np.float64]:
    """Mask IoU (n,) of each result with the instance that its `instance_id` names, without void pixels."""
    ious = np.zeros(len(results))
    for image_id, rows in group_by_image(results).items():
        image = annotations.image_by_id[image_id]
        codes = without_void([results[row]["segmentation"] for row in rows], image)
        for row, code in zip(rows, codes, strict=True):
            instance = annotations.instance_by_id[results[row]["instance_id"]]
            ious[row] = masks.iou([code], [instance.segmentation])[0, 0]
    return ious


def summarise_ious(ious: ArrayLike) -> dict[str, float | int | None]:
    """Summarise (n,) overlaps: their mean, the shares above .5 and .7, and their number; None without overlaps.

    Examples
    --------
    >>> summarise_ious([0.5, 1.0])
    {'mean_iou': 0.75, 'iou_50': 0.5, 'iou_70': 0.5, 'instances': 2}
    """
    values = np.asarray(ious, dtype=np.float64)
    if not len(values):
        return {"mean_iou": None, "iou_50": None, "iou_70": None, "instances": 0}
    return {
        "mean_iou": float(values.mean()),
        "iou_50": float(np.mean(values > 0.5)),
        "iou_70": float(np.mean(values > 0.7)),
        "instances": len(values),
    }


def _ap_r_vol(matches: dict[int, CategoryMatches]) -> float | None:
    """Mean over all thresholds of the mean AP^r, in 0..1."""
    return known_mean(mean_average_precision(matches, position) for position in range(len(THRESHOLDS)))
