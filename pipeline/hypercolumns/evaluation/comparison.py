"""Two lists of results on the same photographs, compared with the standard error of their difference."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.result_fields import BOX, MASK
from hypercolumns.annotations.results import Results, read_entries, read_results
from hypercolumns.errors import InputError
from hypercolumns.evaluation.detections import (
    THRESHOLDS,
    box_overlaps,
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
        Files of COCO results. If their entries have `instance_id`, the mask IoU in the boxes of instances is
        compared; else AP^r if they have masks, and box AP if they have boxes.
    settings
        Matching rule, and minimum area of instances in ground-truth boxes.

    Raises
    ------
    InputError
        If a file cannot be used, the two are of different kinds, or no instance counts.
    """
    comparable, comparable_too = _kinds(first), _kinds(second)
    if comparable[0] != comparable_too[0]:
        raise InputError(
            f"{first} has {comparable[0]}, but {second} has {comparable_too[0]}; compare files of one kind."
        )
    kinds = [kind for kind in comparable if kind in comparable_too]
    draws = draw_photographs(annotations)
    measured = [_measure(annotations, path, kinds, settings, draws) for path in (first, second)]
    factor, digits = (1, 3) if _IN_INSTANCES in kinds else (100, 1)
    rows = {}
    for title, (value, resampled) in measured[0].items():
        other, resampled_other = measured[1][title]
        error = standard_error(resampled_other - resampled)
        numbers = [f"{factor * v:.{digits}f}" for v in (value, other)]
        spread = "-" if error is None else f"{factor * error:.{digits}f}"
        rows[title] = [*numbers, f"{factor * (other - value):+.{digits}f}", spread]
    photographs = len(annotations.images)
    note = (
        f"{' and '.join(kinds)} of {photographs} photographs, standard errors from {len(draws)} draws of them.\n"
        "A difference of less than two standard errors may be chance."
    )
    return table(rows, ("first", "second", "difference", "std. error"), note)


def _kinds(path: Path) -> list[str]:
    """What the results of a file can be compared by."""
    entries = [entry for entry in read_entries(path) if isinstance(entry, dict)]
    if not entries:
        raise InputError(f"{path} has no result to compare.")
    for answer in ("keypoints", "parts"):
        if answer in entries[0]:
            raise InputError(f"{path} has {answer}; masks and boxes can be compared.")
    if "instance_id" in entries[0]:
        return [_IN_INSTANCES]
    if "segmentation" not in entries[0]:
        return [_BOXES]
    return [_MASKS, _BOXES] if all("bbox" in entry for entry in entries) else [_MASKS]


def _measure(
    annotations: AnnotationSet, path: Path, kinds: Sequence[str], settings: EvaluateParameters, draws: Draws
) -> Measured:
    measured: dict[str, tuple[float, NDArray[np.float64]]] = {}
    for kind in kinds:
        measured |= (
            _masks_in_instances(annotations, path, settings, draws)
            if kind == _IN_INSTANCES
            else _precisions(annotations, path, kind == _MASKS, settings, draws)
        )
    return measured


def _masks_in_instances(annotations: AnnotationSet, path: Path, settings: EvaluateParameters, draws: Draws) -> Measured:
    results: Results = read_results(path, annotations, MASK, "instances")
    try:
        instances, ious = ground_truth_box_ious(annotations, results, settings)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if not instances:
        raise InputError("No instance counts: all are crowds, difficult, without a mask or too small.")
    columns = {"mean IoU": ious, "above .5": ious > 0.5, "above .7": ious > 0.7}
    return {
        title: (float(values.mean()), resampled_mean(annotations, instances, values.astype(np.float64), draws))
        for title, values in columns.items()
    }


def _precisions(
    annotations: AnnotationSet, path: Path, on_masks: bool, settings: EvaluateParameters, draws: Draws
) -> Measured:
    truth = unmasked_as_crowd(annotations) if on_masks else annotations
    results = read_results(path, annotations, MASK if on_masks else BOX)
    overlaps = overlaps_by_image(truth, results, mask_overlaps if on_masks else box_overlaps)
    matches = match_categories(truth, results, overlaps, THRESHOLDS, settings.matching)
    measured = {}
    for title, threshold in ((".5", AT_50), (".7", AT_70)):
        value = mean_average_precision(matches, threshold)
        if value is None:
            raise InputError("No instance counts: all are crowds, difficult or without a mask.")
        name = f"AP^r {title}" if on_masks else f"box AP {title}"
        measured[name] = (value, resampled_precision(truth, results, matches, threshold, draws))
    return measured
