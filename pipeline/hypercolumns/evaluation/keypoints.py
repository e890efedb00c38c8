"""Keypoint metrics: APK in detected boxes, PCK in ground-truth boxes. Paper, section 4.2."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.model import AnnotationSet, Category, Instance
from hypercolumns.annotations.results import Results, column, take
from hypercolumns.errors import InputError
from hypercolumns.evaluation.average_precision import average_precision, known_mean, to_points
from hypercolumns.evaluation.detections import counted_instances, group_by_image
from hypercolumns.evaluation.judgement import Answers, Judgement, category_table, rounded
from hypercolumns.evaluation.matching import match
from hypercolumns.evaluation.oks import oks_average_precision
from hypercolumns.parameters import EvaluateParameters, Parameters

_CLOSENESS_AT_TOLERANCE = np.array([0.5])
"""Closeness is tolerance / (tolerance + distance): 1 in the same place, .5 at the tolerance, towards 0 far away."""


def judge_keypoints(truth: AnnotationSet, answers: Answers, parameters: Parameters) -> Judgement:
    """Judge the predictions of the task: metrics, headline, plot data and a table for the terminal."""
    metrics = rounded(evaluate_keypoints(truth, answers.in_detections, answers.in_instances, parameters.evaluate))
    plot = [
        {"keypoint": name, "apk": row["apk"], "pck": row["pck"]}
        for name, row in metrics["per_keypoint"].items()
        if row["apk"] is not None
    ]
    return Judgement(
        metrics,
        {name: metrics[name] for name in ("mean_apk", "mean_pck")},
        {"keypoints": plot},
        category_table(
            metrics["per_category"] | {"all": metrics},
            {"APK": ("mean_apk", 1), "PCK": ("mean_pck", 3), "OKS AP": ("oks_ap", 1)},
            "APK and COCO's AP of detections in points; PCK with ground-truth boxes.",
        ),
    )


def evaluate_keypoints(
    annotations: AnnotationSet, detections: Results, ground_truth_boxes: Results, settings: EvaluateParameters
) -> dict[str, Any]:
    """Compute all metrics of the keypoint task.

    Parameters
    ----------
    annotations
        The ground truth.
    detections
        Scored keypoints in detected boxes.
    ground_truth_boxes
        Keypoints in the boxes of instances.
    settings
        Tolerance, and minimum area of instances for PCK.

    Returns
    -------
    dict
        `mean_apk` in points of 0..100 and `mean_pck` in 0..1, over all keypoints of all categories that are labelled
        anywhere; `per_keypoint` by "category/keypoint"; `per_category`. Values are None without a labelled keypoint.
        Categories with COCO's 17 keypoints also have COCO's AP in points as `oks_ap`, and that at OKS .5 as
        `oks_ap_50`.

    Raises
    ------
    InputError
        When an instance that counts has no result in its ground-truth box.
    """
    per_keypoint: dict[str, dict[str, Any]] = {}
    per_category = {}
    for category in annotations.categories:
        if not category.keypoints:
            continue
        of_category = take(detections, np.flatnonzero(column(detections, "category_id") == category.id))
        apk, labelled = _apk(annotations, category, of_category, settings)
        pck = _pck(annotations, category, ground_truth_boxes, settings)
        rows = {
            f"{category.name}/{name}": {"apk": apk[k], "pck": pck[k], "instances": labelled[k]}
            for k, name in enumerate(category.keypoints)
        }
        per_keypoint |= rows
        per_category[category.name] = _means(rows) | oks_average_precision(annotations, category, of_category)
    return _means(per_keypoint) | {"per_category": per_category, "per_keypoint": per_keypoint}


def tolerance(instance: Instance, category: Category, settings: EvaluateParameters) -> float:
    """Distance in pixels within which a keypoint of this instance is right: `apk_tolerance` torso heights.

    Torso height is the distance from the centre of the labelled shoulders to that of the labelled hips. Without
    labelled shoulders or hips it is `torso_share` of the longer side of the box; this fallback is ours.
    """
    truth = _true_keypoints(instance, category)
    centres = []
    for joint in ("shoulder", "hip"):
        labelled = np.array([joint in name.lower() for name in category.keypoints]) & (truth[:, 2] > 0)
        if labelled.any():
            centres.append(truth[labelled, :2].mean(axis=0))
    torso = float(np.hypot(*(centres[0] - centres[1]))) if len(centres) == 2 else 0.0
    x0, y0, x1, y1 = instance.box
    return settings.apk_tolerance * (torso or settings.torso_share * max(x1 - x0, y1 - y0))


def _apk(
    annotations: AnnotationSet, category: Category, results: Results, settings: EvaluateParameters
) -> tuple[list[float | None], list[int]]:
    """Average precision of each keypoint in points, and how many instances have it labelled.

    A prediction claims the nearest unclaimed keypoint, in torso heights. Predictions within the tolerance of the box
    of an instance that does not count are neutral. A keypoint predicted on an instance that counts but does not have
    this keypoint labelled is false.
    """
    n_keypoints = len(category.keypoints)
    predicted = np.empty((len(results), n_keypoints, 3))
    for row, result in enumerate(results):
        predicted[row].flat = result["keypoints"]
    scores = predicted[..., 2]
    present = scores > 0
    hit, neutral = np.zeros_like(present), ~present
    for image_id, rows in group_by_image(results).items():
        instances = [i for i in annotations.instances_by_image[image_id] if i.category_id == category.id]
        if not instances:
            continue
        ignored = np.array([not _counts(i, category) for i in instances])
        truth = np.stack([_true_keypoints(i, category) for i in instances])
        boxes = np.array([i.box for i in instances])
        tolerances = np.array([tolerance(i, category, settings) for i in instances])
        for k in range(n_keypoints):
            candidates = ignored | (truth[:, k, 2] > 0)
            chosen = np.array(rows)[present[rows, k]]
            positions = predicted[chosen, k, None, :2]
            nearest_in_box = positions.clip(boxes[:, :2], boxes[:, 2:])
            targets = np.where(ignored[:, None], nearest_in_box, truth[:, k, :2])
            closeness = tolerances / (tolerances + np.hypot(*(positions - targets).transpose(2, 0, 1)))
            difficult, values = ignored[candidates], closeness[:, candidates]
            crowd = np.zeros_like(difficult)
            matches = match(values, scores[chosen, k], _CLOSENESS_AT_TOLERANCE, difficult, crowd, "best_free")
            hit[chosen, k], neutral[chosen, k] = matches.hit[:, 0], matches.neutral[:, 0]
    counted = [i for i in annotations.instances if _counts(i, category)]
    labelled = [sum(i.keypoints[3 * k + 2] > 0 for i in counted) for k in range(n_keypoints)]
    columns = zip(scores.T, hit.T, labelled, neutral.T, strict=True)
    return [to_points(average_precision(*column)) for column in columns], labelled


def _pck(
    annotations: AnnotationSet, category: Category, results: Results, settings: EvaluateParameters
) -> list[float | None]:
    """Share of each labelled keypoint that is right in ground-truth boxes, over instances of at least `minimum_area`.

    Raises
    ------
    InputError
        When an instance has no result: leaving it out would flatter the share.
    """
    by_instance = {r["instance_id"]: r["keypoints"] for r in results}
    right: list[list[bool]] = [[] for _ in category.keypoints]
    for instance in counted_instances(annotations, settings.minimum_area):
        if not _counts(instance, category):
            continue
        if instance.id not in by_instance:
            raise InputError(
                f"Instance {instance.id} ({category.name}) has no keypoints among the results in ground-truth boxes; "
                f"every instance with labelled keypoints that is neither crowd nor difficult needs them."
            )
        labelled = np.flatnonzero(_true_keypoints(instance, category)[:, 2] > 0)
        verdicts = right_keypoints(instance, category, by_instance[instance.id], settings)
        for k, verdict in zip(labelled, verdicts, strict=True):
            right[k].append(bool(verdict))
    return [float(np.mean(values)) if values else None for values in right]


def right_keypoints(
    instance: Instance, category: Category, predicted: Sequence[float], settings: EvaluateParameters
) -> NDArray[np.bool_]:
    """Tell which labelled keypoints of an instance are predicted within the tolerance.

    Parameters
    ----------
    instance
        An instance with keypoints.
    category
        Its category.
    predicted
        COCO's flat list x, y, score per keypoint of the category.
    settings
        The tolerance; see `tolerance`.

    Returns
    -------
    numpy.ndarray
        (k,) bool, one value per labelled keypoint, in the category's order.
    """
    truth, answer = _true_keypoints(instance, category), np.array(predicted, dtype=np.float64).reshape(-1, 3)
    near = np.hypot(*(truth - answer)[:, :2].T) < tolerance(instance, category, settings)
    return np.asarray(near & (answer[:, 2] > 0))[truth[:, 2] > 0]


def _counts(instance: Instance, category: Category) -> bool:
    """Whether an instance of the category counts: not ignored, with at least one labelled keypoint."""
    labelled = any(visibility > 0 for visibility in instance.keypoints[2::3])
    return instance.category_id == category.id and not instance.ignore and labelled


def _true_keypoints(instance: Instance, category: Category) -> NDArray[np.float64]:
    """Keypoints x, y, visibility of an instance, (k, 3); all unlabelled when it has none."""
    flat = instance.keypoints or (0.0,) * (3 * len(category.keypoints))
    return np.array(flat, dtype=np.float64).reshape(-1, 3)


def _means(rows: dict[str, dict[str, Any]]) -> dict[str, float | None]:
    """Mean APK and PCK over the keypoints that are labelled anywhere."""
    return {f"mean_{name}": known_mean(row[name] for row in rows.values()) for name in ("apk", "pck")}
