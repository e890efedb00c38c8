"""Two lists of results on the same photographs, compared with the standard error of their difference."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.result_fields import BOX, MASK
from hypercolumns.annotations.results import Results, read_entries, read_results
from hypercolumns.errors import InputError, naming
from hypercolumns.evaluation.detections import (
    THRESHOLDS,
    OverlapFunction,
    box_overlaps,
    mask_box_overlaps,
    mask_overlaps,
    match_categories,
    mean_average_precision,
    overlaps_by_image,
)
from hypercolumns.evaluation.judgement import table
from hypercolumns.evaluation.resampling import (
    Draws,
    draw_photographs,
    resampled_mean,
    resampled_precision,
    standard_error,
)
from hypercolumns.evaluation.segmentation import AT_50, AT_70, ground_truth_box_ious, unmasked_as_crowd
from hypercolumns.parameters import EvaluateParameters

_IN_INSTANCES = "masks in the boxes of instances"
_MASKS = "masks of detections"
_BOXES = "boxes of detections"

Measured = Mapping[str, tuple[float, NDArray[np.float64]]]
"""A metric's value and its values (resamples,) with other draws of photographs, by title."""


def compare(annotations: AnnotationSet, first: Path, second: Path, settings: EvaluateParameters) -> str:
    """Compare two results files as a table: masks or boxes of detections, or masks in the boxes of instances.

    Parameters
    ----------
    annotations
        The ground truth of both.
    first, second
        Files of COCO results. If their entries have `instance_id`, the mask IoU in the boxes of instances is compared.
        Else it is box AP, where masks stand for the tight boxes around them, and AP^r too if both have masks.
    settings
        Matching rule, and minimum area of instances in ground-truth boxes.

    Raises
    ------
    InputError
        If a file cannot be used, only one of them is about the boxes of instances, or no instance counts.
    """
    contents = _content(first), _content(second)
    if contents.count(_IN_INSTANCES) == 1:
        raise InputError(f"{first} has {contents[0]}, but {second} has {contents[1]}; compare files of one kind.")
    kind = contents[0] if contents[0] == contents[1] else _BOXES
    draws = draw_photographs(annotations)
    measured = [
        _masks_in_instances(annotations, path, settings, draws)
        if kind == _IN_INSTANCES
        else _detections(annotations, path, content, kind, settings, draws)
        for path, content in zip((first, second), contents, strict=True)
    ]
    if not measured[0]:
        raise InputError("No instance counts: all are crowds, difficult, or without what is compared.")
    factor, digits = (1, 3) if kind == _IN_INSTANCES else (100, 1)
    rows = {}
    for title, (value, resampled) in measured[0].items():
        other, resampled_other = measured[1][title]
        error = standard_error(resampled_other - resampled)
        numbers = [f"{factor * v:.{digits}f}" for v in (value, other)]
        spread = "-" if error is None else f"{factor * error:.{digits}f}"
        rows[title] = [*numbers, f"{factor * (other - value):+.{digits}f}", spread]
    photographs = len(annotations.images)
    note = (
        f"{kind} of {photographs} photographs, standard errors from {len(draws)} draws of them.\n"
        "A difference of less than two standard errors may be chance."
    )
    return table(rows, ("first", "second", "difference", "std. error"), note)


def _content(path: Path) -> str:
    """Say what the results of a file are, judging by the first one."""
    entries = [entry for entry in read_entries(path) if isinstance(entry, dict)]
    if not entries:
        raise InputError(f"{path} has no result to compare.")
    for answer in ("keypoints", "parts"):
        if answer in entries[0]:
            raise InputError(f"{path} has {answer}; masks and boxes can be compared.")
    if "instance_id" in entries[0]:
        return _IN_INSTANCES
    return _MASKS if "segmentation" in entries[0] else _BOXES


def _masks_in_instances(annotations: AnnotationSet, path: Path, settings: EvaluateParameters, draws: Draws) -> Measured:
    results: Results = read_results(path, annotations, MASK, "instances")
    with naming(path):
        instances, ious = ground_truth_box_ious(annotations, results, settings)
    if not instances:
        raise InputError("No instance counts: all are crowds, difficult, without a mask or too small.")
    columns = {"mean IoU": ious, "above .5": ious > 0.5, "above .7": ious > 0.7}
    return {
        title: (float(values.mean()), resampled_mean(annotations, instances, values.astype(np.float64), draws))
        for title, values in columns.items()
    }


def _detections(
    annotations: AnnotationSet, path: Path, content: str, kind: str, settings: EvaluateParameters, draws: Draws
) -> Measured:
    """Box AP of a file of masks or boxes, and AP^r as well where masks are compared."""
    has_masks = content == _MASKS
    results = read_results(path, annotations, MASK if has_masks else BOX)
    overlap = mask_box_overlaps if has_masks else box_overlaps
    on_boxes = _precisions("box AP", annotations, results, overlap, settings, draws)
    if kind == _BOXES:
        return on_boxes
    truth = unmasked_as_crowd(annotations)
    return {**_precisions("AP^r", truth, results, mask_overlaps, settings, draws), **on_boxes}


def _precisions(
    name: str,
    annotations: AnnotationSet,
    results: Results,
    overlap: OverlapFunction,
    settings: EvaluateParameters,
    draws: Draws,
) -> Measured:
    """AP at .5 and .7; nothing if no instance counts."""
    overlaps = overlaps_by_image(annotations, results, overlap)
    matches = match_categories(annotations, results, overlaps, THRESHOLDS, settings.matching)
    measured = {}
    for title, threshold in ((".5", AT_50), (".7", AT_70)):
        value = mean_average_precision(matches, threshold)
        if value is not None:
            resampled = resampled_precision(annotations, results, matches, threshold, draws)
            measured[f"{name} {title}"] = value, resampled
    return measured
