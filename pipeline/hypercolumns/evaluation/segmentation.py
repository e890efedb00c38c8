"""Segmentation metrics: AP^r and box AP of detections, mask IoU in ground-truth boxes, causes of lost precision."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Image, Instance
from hypercolumns.annotations.results import Results
from hypercolumns.errors import InputError
from hypercolumns.evaluation import diagnosis
from hypercolumns.evaluation.average_precision import known_mean, to_points
from hypercolumns.evaluation.detections import (
    THRESHOLDS,
    CategoryMatches,
    box_overlaps,
    counted_instances,
    group_by_image,
    mask_box_overlaps,
    mask_or_box,
    mask_overlaps,
    match_categories,
    mean_average_precision,
    overlaps_by_image,
    without_void,
)
from hypercolumns.evaluation.judgement import Answers, Judgement, category_table, rounded
from hypercolumns.evaluation.plots import category_rows, precision_recall_rows
from hypercolumns.evaluation.resampling import draw_photographs, resampled_mean, resampled_precision, standard_error
from hypercolumns.parameters import EvaluateParameters, Parameters

AT_50, AT_70 = 4, 6
"""Positions of .5 and .7 in `THRESHOLDS`."""
COLUMNS = {
    "AP^r .5": ("ap_r_50", 1),
    "AP^r .7": ("ap_r_70", 1),
    "AP^r vol": ("ap_r_vol", 1),
    "box AP .5": ("box_ap_50", 1),
    "mask IoU": ("mean_iou", 3),
    "> .5": ("iou_50", 3),
    "> .7": ("iou_70", 3),
    "instances": ("positives", 0),
    "detections": ("detections", 0),
}
"""Metrics in the table for the terminal, and their decimals, by title."""
HEADLINE = ("ap_r_50", "ap_r_70", "ap_r_vol", "box_ap_50", "mean_iou", "iou_50", "iou_70")
"""Metrics in the summary."""


def judge_segmentation(truth: AnnotationSet, answers: Answers, parameters: Parameters) -> Judgement:
    """Judge the predictions of the task: metrics, headline, plot data and a table for the terminal."""
    exact, matches = evaluate_segmentation(truth, answers, parameters.evaluate, parameters.regions.expansion)
    metrics = rounded(exact)
    by_name = metrics["per_category"] | {"all": metrics}
    rows = {name: values | values["ground_truth_boxes"] for name, values in by_name.items()}
    return Judgement(
        metrics,
        {name: rows["all"][name] for name in HEADLINE},
        {
            "pr_50": rounded(precision_recall_rows(truth, matches, AT_50)),
            "pr_70": rounded(precision_recall_rows(truth, matches, AT_70)),
            "categories": category_rows(metrics["per_category"]),
        },
        category_table(
            rows,
            COLUMNS,
            "AP of detections in points; mask IoU and the shares above .5 and .7 with ground-truth boxes.",
        ),
    )


def evaluate_segmentation(
    annotations: AnnotationSet, answers: Answers, settings: EvaluateParameters, expansion: float
) -> tuple[dict[str, Any], dict[int, CategoryMatches]]:
    """Compute all metrics of the segmentation task.

    Parameters
    ----------
    annotations
        The ground truth.
    answers
        Scored masks in detected boxes, masks in the boxes of instances, and the detected boxes.
    settings
        Matching rule, and minimum area of instances in ground-truth boxes.
    expansion
        Factor by which boxes are expanded before prediction (`regions.expansion`).

    Returns
    -------
    metrics : dict
        AP in points of 0..100, overlaps and shares in 0..1; None where nothing counts. `ap_r_vol` is the mean AP^r
        over the overlaps .1, .2, ... .9. `box_ap_50` and `box_ap_70` judge the tight boxes of the masks, and
        `detected_boxes` those that the detector found. `diagnosis` has the causes of lost precision for masks and for
        their boxes; its `ap_r_50_perfect_masks` is AP^r at .5 if the masks in the detected boxes were perfect, ranked
        by the scores of the boxes. `standard_errors` says how much some metrics would differ with other photographs.
        `per_category` holds the metrics by category name.
    matches : dict
        The verdicts on the masks in detected boxes at `THRESHOLDS`, by category id.

    Raises
    ------
    InputError
        When an instance that counts has no result in its ground-truth box.

    Notes
    -----
    Paper, section 4.1. Instances without a mask count in the metrics of boxes only; for those of masks they are
    treated as crowds. Ours.
    """
    detections, detected = answers.in_detections, answers.detected_boxes
    with_masks = unmasked_as_crowd(annotations)
    on_masks = overlaps_by_image(with_masks, detections, mask_overlaps)
    matches = match_categories(with_masks, detections, on_masks, THRESHOLDS, settings.matching)
    on_boxes = overlaps_by_image(annotations, detections, mask_box_overlaps)
    box_matches = match_categories(annotations, detections, on_boxes, THRESHOLDS, settings.matching)
    on_detected = overlaps_by_image(annotations, detected, box_overlaps)
    detected_matches = match_categories(annotations, detected, on_detected, THRESHOLDS, settings.matching)

    def overlaps_of_perfect_masks(image: Image, boxes: Results, instances: Sequence[Instance]) -> NDArray[np.float64]:
        perfect = diagnosis.with_perfect_masks(image, boxes, on_detected[image.id], expansion)
        return mask_overlaps(image, perfect, instances)

    on_perfect = overlaps_by_image(with_masks, detected, overlaps_of_perfect_masks)
    perfect_matches = match_categories(with_masks, detected, on_perfect, THRESHOLDS, settings.matching)
    instances, ious = ground_truth_box_ious(annotations, answers.in_instances, settings)
    draws = draw_photographs(annotations)

    per_category = {}
    for category in annotations.categories:
        matched = matches[category.id]
        in_category = np.array([i.category_id == category.id for i in instances], dtype=bool)
        per_category[category.name] = {
            **_precisions({category.id: matched}, {category.id: box_matches[category.id]}),
            "detections": len(matched.scores),
            "positives": matched.positives,
            "ground_truth_boxes": summarise_ious(ious[in_category]),
        }
    metrics = {
        **_precisions(matches, box_matches),
        "box_ap_70": to_points(mean_average_precision(box_matches, AT_70)),
        "detected_boxes": {
            "ap_50": to_points(mean_average_precision(detected_matches, AT_50)),
            "ap_70": to_points(mean_average_precision(detected_matches, AT_70)),
        },
        "detections": len(detections),
        "positives": sum(m.positives for m in matches.values()),
        "ground_truth_boxes": summarise_ious(ious),
        "diagnosis": {
            "masks": diagnosis.diagnose(on_masks, matches, AT_50),
            "boxes": diagnosis.diagnose(on_boxes, box_matches, AT_50),
            "ap_r_50_perfect_masks": to_points(mean_average_precision(perfect_matches, AT_50)),
            "box_recall_50": diagnosis.recall(on_boxes, THRESHOLDS[AT_50]),
            "box_recall_70": diagnosis.recall(on_boxes, THRESHOLDS[AT_70]),
        },
        "standard_errors": {
            "ap_r_50": to_points(standard_error(resampled_precision(with_masks, detections, matches, AT_50, draws))),
            "ap_r_70": to_points(standard_error(resampled_precision(with_masks, detections, matches, AT_70, draws))),
            "box_ap_50": to_points(
                standard_error(resampled_precision(annotations, detections, box_matches, AT_50, draws))
            ),
            "mean_iou": standard_error(resampled_mean(annotations, instances, ious, draws)),
        },
        "per_category": per_category,
    }
    return metrics, matches


def unmasked_as_crowd(annotations: AnnotationSet) -> AnnotationSet:
    """Mark instances without a mask as crowds, so that a mask inside their boxes is neither right nor wrong.

    As difficult instances they would make right masks false: the mask of a thin object overlaps its box little.
    """
    instances = tuple(i if i.has_mask else replace(i, crowd=True) for i in annotations.instances)
    return replace(annotations, instances=instances)


def _precisions(
    matches: Mapping[int, CategoryMatches], box_matches: Mapping[int, CategoryMatches]
) -> dict[str, float | None]:
    """AP^r and box AP in points, means over these categories."""
    at_all = [mean_average_precision(matches, position) for position in range(len(THRESHOLDS))]
    return {
        "ap_r_50": to_points(at_all[AT_50]),
        "ap_r_70": to_points(at_all[AT_70]),
        "ap_r_vol": to_points(known_mean(at_all)),
        "box_ap_50": to_points(mean_average_precision(box_matches, AT_50)),
    }


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
    """Mask IoU in ground-truth boxes of the instances that have a mask and count.

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
    counted = counted_instances(unmasked_as_crowd(annotations), settings.minimum_area)
    ious = dict(zip((r["instance_id"] for r in results), mask_ious(annotations, results), strict=True))
    missing = [instance.id for instance in counted if instance.id not in ious]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(counted)} instances have no mask among the results in ground-truth boxes, "
            f"the first of them instance {missing[0]}; every instance with a mask of at least "
            f"evaluate.minimum_area ({settings.minimum_area}) pixels that is neither crowd nor difficult needs one."
        )
    return counted, np.array([ious[instance.id] for instance in counted], dtype=np.float64)


def mask_ious(annotations: AnnotationSet, results: Results) -> NDArray[np.float64]:
    """Mask IoU (n,) of each result with the instance that its `instance_id` names, without void pixels.

    An instance without a mask is represented by its box.
    """
    ious = np.zeros(len(results))
    for image_id, rows in group_by_image(results).items():
        image = annotations.image_by_id[image_id]
        codes = without_void([results[row]["segmentation"] for row in rows], image)
        for row, code in zip(rows, codes, strict=True):
            instance = annotations.instance_by_id[results[row]["instance_id"]]
            ious[row] = masks.iou([code], [mask_or_box(instance, image)])[0, 0]
    return ious


def summarise_ious(ious: ArrayLike) -> dict[str, float | int | None]:
    """Summarise (n,) overlaps: their mean, the shares above .5 and .7, and their number; None without overlaps.

    Examples
    --------
    >>> summarise_ious([0.5, 1.0])
    {'mean_iou': 0.75, 'iou_50': 0.5, 'iou_70': 0.5, 'instances': 2}
    """
    values = np.asarray(ious, dtype=np.float64)
    return {
        "mean_iou": known_mean(values),
        "iou_50": known_mean(values > 0.5),
        "iou_70": known_mean(values > 0.7),
        "instances": len(values),
    }
