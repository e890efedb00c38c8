"""The metrics of part labels: AP^r_part of detections, part IoU and pixel accuracy in ground-truth boxes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance
from hypercolumns.annotations.results import Results
from hypercolumns.errors import InputError
from hypercolumns.evaluation.average_precision import known_mean, points
from hypercolumns.evaluation.detections import CategoryMatches, match_categories, mean_average_precision, overlaps_of
from hypercolumns.evaluation.judgement import Answers, Judgement, number, rounded, table
from hypercolumns.evaluation.plots import precision_recall_rows
from hypercolumns.parameters import EvaluateParameters, Parameters

HALF, STRICT = 0, 1
"""Positions of .5 and .7 in `THRESHOLDS`."""
THRESHOLDS = np.array([0.5, 0.7])


def judge_parts(truth: AnnotationSet, answers: Answers, parameters: Parameters) -> Judgement:
    """Judge the predictions of the task: metrics, headline, plot data and a table for the terminal."""
    found, matches = evaluate_parts(truth, answers.in_detections, answers.in_instances, parameters.evaluate)
    metrics = rounded(found)
    names = ("ap_r_part_50", "mean_part_iou", "pixel_accuracy")
    rows = [*metrics["per_category"].items(), ("all", metrics)]
    return Judgement(
        metrics,
        {name: metrics[name] for name in names},
        {
            "pr_50": rounded(precision_recall_rows(truth, matches, HALF)),
            "parts": [
                {"part": f"{category}/{name}", "iou": iou}
                for category, row in metrics["per_category"].items()
                for name, iou in row["part_iou"].items()
                if iou is not None
            ],
        },
        table(
            {name: [number(m[key], digits) for key, digits in zip(names, (1, 3, 3), strict=True)] for name, m in rows},
            ["AP^r_part .5", "part IoU", "accuracy"],
            "AP of detections in points; part IoU and pixel accuracy with ground-truth boxes.",
        ),
    )


def evaluate_parts(
    annotations: AnnotationSet, detections: Results, ground_truth_boxes: Results, settings: EvaluateParameters
) -> tuple[dict[str, Any], dict[int, CategoryMatches]]:
    """All metrics of the part task, and the verdicts of AP^r_part at `THRESHOLDS` per category id.

    Parameters
    ----------
    annotations : the ground truth.
    detections : scored part labels (`read_results` of kind `parts`).
    ground_truth_boxes : part labels in the boxes of instances (kind `ground_truth_parts`).

    Returns
    -------
    dict
        `ap_r_part_50`, `ap_r_part_70` in points, mean over the categories with parts; `mean_part_iou` in 0..1, mean
        over all parts of all categories that show anywhere; `pixel_accuracy` in 0..1 over all pixels of all parts;
        None where nothing counts. `per_category` holds the same by category, with `part_iou` by part.

    Notes
    -----
    A part's IoU counts its pixels over all boxes before dividing, as in semantic segmentation. Instances whose parts
    are not annotated neither count nor punish; pixels of an object that belong to no part are left out.
    """
    with_parts = _silence_without_parts(annotations)
    known = {c.id for c in annotations.categories if c.parts}
    overlaps = overlaps_of(with_parts, detections, part_overlaps)
    matches = match_categories(with_parts, detections, overlaps, THRESHOLDS, settings.matching)
    matches = {key: found for key, found in matches.items() if key in known}
    given = {result["instance_id"]: result for result in ground_truth_boxes}
    per_category: dict[str, dict[str, Any]] = {}
    right = total = 0
    for category in with_parts.categories:
        if category.id not in known:
            continue
        confusion = _confusion(with_parts, category, given, settings)
        truth, hits = confusion.sum(axis=1), np.diag(confusion)
        union = truth + confusion.sum(axis=0) - hits
        own_right, own_total = int(hits[1:].sum()), int(truth[1:].sum())
        right, total = right + own_right, total + own_total
        ious = {name: float(hits[k] / union[k]) if truth[k] else None for k, name in enumerate(category.parts, start=1)}
        own = matches[category.id]
        per_category[category.name] = {
            "ap_r_part_50": points(own.average_precision(HALF)),
            "ap_r_part_70": points(own.average_precision(STRICT)),
            "mean_part_iou": known_mean(ious.values()),
            "pixel_accuracy": own_right / own_total if own_total else None,
            "part_iou": ious,
            "positives": own.positives,
            "detections": len(own.scores),
        }
    metrics = {
        "ap_r_part_50": points(mean_average_precision(matches, HALF)),
        "ap_r_part_70": points(mean_average_precision(matches, STRICT)),
        "mean_part_iou": known_mean(iou for m in per_category.values() for iou in m["part_iou"].values()),
        "pixel_accuracy": right / total if total else None,
        "per_category": per_category,
    }
    return metrics, matches


def part_overlaps(image: Image, results: Results, instances: Sequence[Instance]) -> NDArray[np.float64]:
    """Overlaps (n, m) of AP^r_part: pixels with the right part label over the union of the labelled pixels.

    Void pixels, and those of the instance that belong to none of its parts, leave the result first. For an instance
    without parts the overlap is mask IoU, and of a crowd the share of the result inside, so that they can be ignored.
    Paper, section 4.3.
    """
    names = sorted({p["name"] for r in results for p in r["parts"]} | {p.name for i in instances for p in i.parts})
    void = masks.decode(image.void) if image.void is not None else np.zeros((image.height, image.width), dtype=bool)
    found = [_labels(image, names, _named(result)) for result in results]
    for labels in found:
        labels[void] = 0
    overlaps = np.zeros((len(results), len(instances)))
    for column, instance in enumerate(instances):
        own = masks.decode(instance.segmentation)
        truth = _truth(image, names, instance)
        is_part, unlabelled = truth > 0, own & (truth == 0)
        for row, labels in enumerate(found):
            if results[row]["category_id"] != instance.category_id:
                continue
            if instance.parts:
                common = np.count_nonzero((labels == truth) & is_part)
                union = np.count_nonzero((labels > 0) & ~unlabelled | is_part)
            else:
                common = np.count_nonzero((labels > 0) & own)
                union = np.count_nonzero(labels) if instance.crowd else np.count_nonzero((labels > 0) | own)
            overlaps[row, column] = common / union if union else 0.0
    return overlaps


def _confusion(
    annotations: AnnotationSet, category: Category, given: Mapping[int, Mapping[str, Any]], settings: EvaluateParameters
) -> NDArray[np.int64]:
    """Pixels by true part (rows) and predicted part (columns) over the given boxes; 0 is none.

    Raises
    ------
    InputError
        When an instance has no result: leaving it out would flatter the metrics.
    """
    size = len(category.parts) + 1
    confusion = np.zeros((size, size), dtype=np.int64)
    for instance in annotations.instances:
        if instance.category_id != category.id or instance.ignore:
            continue
        if masks.area(instance.segmentation) < settings.minimum_area:
            continue
        if instance.id not in given:
            raise InputError(
                f"Instance {instance.id} ({category.name}) has no parts among the results on ground-truth boxes; every "
                f"instance with annotated parts that is neither crowd nor difficult needs them."
            )
        image = annotations.image_by_id[instance.image_id]
        truth = _truth(image, category.parts, instance)
        said = _labels(image, category.parts, _named(given[instance.id]))
        counted = (truth > 0) | ~masks.decode(instance.segmentation)
        if image.void is not None:
            counted &= ~masks.decode(image.void) | (truth > 0)
        pairs = truth[counted].astype(np.int64) * size + said[counted]
        confusion += np.bincount(pairs, minlength=size * size).reshape(size, size)
    return confusion


def _silence_without_parts(annotations: AnnotationSet) -> AnnotationSet:
    """The same set, instances without parts marked difficult."""
    instances = tuple(i if i.parts else replace(i, difficult=True) for i in annotations.instances)
    return replace(annotations, instances=instances)


def _truth(image: Image, names: Sequence[str], instance: Instance) -> NDArray[np.uint16]:
    """Labels of an instance's parts, inside its mask: what an annotation paints beyond it is no part of the object."""
    labels = _labels(image, names, [(part.name, part.segmentation) for part in instance.parts])
    labels[~masks.decode(instance.segmentation)] = 0
    return labels


def _labels(image: Image, names: Sequence[str], parts: Sequence[tuple[str, masks.RLE]]) -> NDArray[np.uint16]:
    """(height, width) 1 + position in `names` of the part at each pixel, the later of two that overlap; 0 for none."""
    labels = np.zeros((image.height, image.width), dtype=np.uint16, order="F")  # as masks are
    for name, segmentation in parts:
        labels[masks.decode(segmentation)] = 1 + names.index(name)
    return labels


def _named(result: Mapping[str, Any]) -> list[tuple[str, masks.RLE]]:
    return [(part["name"], part["segmentation"]) for part in result["parts"]]
