"""Part metrics: AP^r_part in detected boxes, part IoU and pixel accuracy in ground-truth boxes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance
from hypercolumns.annotations.results import Results
from hypercolumns.errors import InputError
from hypercolumns.evaluation.average_precision import known_mean, to_points
from hypercolumns.evaluation.detections import (
    CategoryMatches,
    counted_instances,
    mask_or_box,
    match_categories,
    mean_average_precision,
    overlaps_by_image,
)
from hypercolumns.evaluation.judgement import Answers, Judgement, category_table, rounded
from hypercolumns.evaluation.plots import precision_recall_rows
from hypercolumns.parameters import EvaluateParameters, Parameters

THRESHOLDS = np.array([0.5, 0.7])
"""Overlap thresholds of AP^r_part."""
AT_50, AT_70 = 0, 1
"""Positions of .5 and .7 in `THRESHOLDS`."""


def judge_parts(truth: AnnotationSet, answers: Answers, parameters: Parameters) -> Judgement:
    """Judge the predictions of the task: metrics, headline, plot data and a table for the terminal."""
    exact, matches = evaluate_parts(truth, answers.in_detections, answers.in_instances, parameters.evaluate)
    metrics = rounded(exact)
    columns = {"AP^r_part .5": ("ap_r_part_50", 1), "part IoU": ("mean_part_iou", 3), "accuracy": ("pixel_accuracy", 3)}
    return Judgement(
        metrics,
        {name: metrics[name] for name, _ in columns.values()},
        {
            "pr_50": rounded(precision_recall_rows(truth, matches, AT_50)),
            "parts": [
                {"part": f"{category}/{name}", "iou": iou}
                for category, row in metrics["per_category"].items()
                for name, iou in row["part_iou"].items()
                if iou is not None
            ],
        },
        category_table(
            metrics["per_category"] | {"all": metrics},
            columns,
            "AP of detections in points; part IoU and pixel accuracy with ground-truth boxes.",
        ),
    )


def evaluate_parts(
    annotations: AnnotationSet, detections: Results, ground_truth_boxes: Results, settings: EvaluateParameters
) -> tuple[dict[str, Any], dict[int, CategoryMatches]]:
    """Compute all metrics of the part task.

    Parameters
    ----------
    annotations
        The ground truth.
    detections
        Scored part labels in detected boxes.
    ground_truth_boxes
        Part labels in the boxes of instances.
    settings
        Matching rule, and minimum area of instances in ground-truth boxes.

    Returns
    -------
    metrics : dict
        `ap_r_part_50` and `ap_r_part_70` in points of 0..100, means over the categories with parts; `mean_part_iou` in
        0..1, mean over all parts of all categories that show anywhere; `pixel_accuracy` in 0..1 over the pixels of all
        parts; None where nothing counts. `per_category` holds the same by category name, with `part_iou` by part.
    matches : dict
        The verdicts on `detections` at `THRESHOLDS`, by the id of each category with parts.

    Raises
    ------
    InputError
        When an instance that counts has no result in its ground-truth box.

    Notes
    -----
    A part's IoU sums its pixels over all boxes before dividing, as in semantic segmentation. Instances without
    annotated parts do not count, and detections on them are neutral; those without a mask are treated as crowds. Pixels
    of an object that belong to no part are left out.
    """
    unmasked_as_crowd = (i if i.has_mask else replace(i, crowd=True, parts=()) for i in annotations.instances)
    instances = tuple(i if i.parts else replace(i, difficult=True) for i in unmasked_as_crowd)
    annotations = replace(annotations, instances=instances)
    categories = [category for category in annotations.categories if category.parts]
    overlaps = overlaps_by_image(annotations, detections, part_overlaps)
    matches_of_all = match_categories(annotations, detections, overlaps, THRESHOLDS, settings.matching)
    matches = {category.id: matches_of_all[category.id] for category in categories}
    by_instance = {result["instance_id"]: result for result in ground_truth_boxes}
    per_category: dict[str, dict[str, Any]] = {}
    all_hits = all_pixels = 0
    for category in categories:
        confusion = _confusion(annotations, category, by_instance, settings)
        truth, hits = confusion.sum(axis=1), np.diag(confusion)
        union = truth + confusion.sum(axis=0) - hits
        n_hits, n_pixels = int(hits[1:].sum()), int(truth[1:].sum())
        all_hits, all_pixels = all_hits + n_hits, all_pixels + n_pixels
        ious = {name: float(hits[k] / union[k]) if truth[k] else None for k, name in enumerate(category.parts, start=1)}
        matched = matches[category.id]
        per_category[category.name] = {
            **_means({category.id: matched}, ious.values(), n_hits, n_pixels),
            "part_iou": ious,
            "positives": matched.positives,
            "detections": len(matched.scores),
        }
    all_ious = [iou for m in per_category.values() for iou in m["part_iou"].values()]
    return {**_means(matches, all_ious, all_hits, all_pixels), "per_category": per_category}, matches


def _means(
    matches: Mapping[int, CategoryMatches], ious: Iterable[float | None], hits: int, pixels: int
) -> dict[str, float | None]:
    """Metrics of one category or of all: AP from their matches, mean of the IoUs, share of right pixels."""
    return {
        "ap_r_part_50": to_points(mean_average_precision(matches, AT_50)),
        "ap_r_part_70": to_points(mean_average_precision(matches, AT_70)),
        "mean_part_iou": known_mean(ious),
        "pixel_accuracy": hits / pixels if pixels else None,
    }


def part_overlaps(image: Image, results: Results, instances: Sequence[Instance]) -> NDArray[np.float64]:
    """Overlaps (n, m) of AP^r_part: pixels with the right part label over the union of the labelled pixels.

    Void pixels, and pixels of the instance that belong to none of its parts, are removed from the result first. For an
    instance without parts the overlap is mask IoU, and for a crowd the share of the result inside it, so that
    detections on them can be ignored. The box takes the place of a mask that is not annotated. Paper, section 4.3.
    """
    names = sorted({p["name"] for r in results for p in r["parts"]} | {p.name for i in instances for p in i.parts})
    void = _void(image)
    predicted = [np.where(void, 0, _labels(image, names, _named_masks(result))) for result in results]
    overlaps = np.zeros((len(results), len(instances)))
    for column, instance in enumerate(instances):
        figure = masks.decode(mask_or_box(instance, image))
        truth = _true_labels(image, names, instance)
        is_part, unlabelled = truth > 0, figure & (truth == 0)
        for row, labels in enumerate(predicted):
            if results[row]["category_id"] != instance.category_id:
                continue
            if instance.parts:
                common = np.count_nonzero((labels == truth) & is_part)
                union = np.count_nonzero((labels > 0) & ~unlabelled | is_part)
            else:
                common = np.count_nonzero((labels > 0) & figure)
                union = np.count_nonzero(labels) if instance.crowd else np.count_nonzero((labels > 0) | figure)
            overlaps[row, column] = common / union if union else 0.0
    return overlaps


def _confusion(
    annotations: AnnotationSet,
    category: Category,
    by_instance: Mapping[int, Mapping[str, Any]],
    settings: EvaluateParameters,
) -> NDArray[np.int64]:
    """Count pixels by true part (rows) and predicted part (columns) over all ground-truth boxes; 0 means no part.

    Raises
    ------
    InputError
        When an instance has no result: leaving it out would flatter the metrics.
    """
    size = len(category.parts) + 1
    confusion = np.zeros((size, size), dtype=np.int64)
    for instance in counted_instances(annotations, settings.minimum_area):
        if instance.category_id != category.id:
            continue
        if instance.id not in by_instance:
            raise InputError(
                f"Instance {instance.id} ({category.name}) has no parts among the results in ground-truth boxes; every "
                f"instance with annotated parts that is neither crowd nor difficult needs them."
            )
        image = annotations.image_by_id[instance.image_id]
        truth = _true_labels(image, category.parts, instance)
        predicted = _labels(image, category.parts, _named_masks(by_instance[instance.id]))
        counted = (truth > 0) | ~(masks.decode(mask_or_box(instance, image)) | _void(image))
        pairs = truth[counted].astype(np.int64) * size + predicted[counted]
        confusion += np.bincount(pairs, minlength=size * size).reshape(size, size)
    return confusion


def _true_labels(image: Image, names: Sequence[str], instance: Instance) -> NDArray[np.uint16]:
    """Label map of an instance's parts, cut to its mask: pixels annotated beyond it do not belong to the object."""
    labels = _labels(image, names, [(part.name, part.segmentation) for part in instance.parts])
    labels[~masks.decode(mask_or_box(instance, image))] = 0
    return labels


def _labels(image: Image, names: Sequence[str], parts: Sequence[tuple[str, masks.RLE]]) -> NDArray[np.uint16]:
    """Label map (height, width) of parts: 1 + position in `names`, 0 for no part; later parts cover earlier ones."""
    labels = np.zeros((image.height, image.width), dtype=np.uint16, order="F")  # the memory order of decoded masks
    for name, segmentation in parts:
        labels[masks.decode(segmentation)] = 1 + names.index(name)
    return labels


def _void(image: Image) -> NDArray[np.bool_]:
    """Mask (height, width) of the void pixels of an image."""
    return masks.decode(image.void) if image.void else np.zeros((image.height, image.width), dtype=bool, order="F")


def _named_masks(result: Mapping[str, Any]) -> list[tuple[str, masks.RLE]]:
    """Name and mask of each part of a result."""
    return [(part["name"], part["segmentation"]) for part in result["parts"]]
