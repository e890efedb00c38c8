"""The metrics of keypoints: APK of detections, PCK in ground-truth boxes. Paper, section 4.2."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category, Instance
from hypercolumns.annotations.results import Results
from hypercolumns.errors import InputError
from hypercolumns.evaluation.average_precision import average_precision, known_mean, points
from hypercolumns.evaluation.detections import group_by_image
from hypercolumns.evaluation.judgement import Answers, Judgement, number, rounded, table
from hypercolumns.evaluation.matching import match
from hypercolumns.evaluation.oks import oks_average_precision
from hypercolumns.parameters import EvaluateParameters, Parameters

_WITHIN = np.array([0.5])
"""Closeness, reach / (reach + distance), at exactly the tolerance: 1 in the same place, towards 0 far away."""


def judge_keypoints(truth: AnnotationSet, answers: Answers, parameters: Parameters) -> Judgement:
    """Judge the predictions of the task: metrics, headline, plot data and a table for the terminal."""
    metrics = rounded(evaluate_keypoints(truth, answers.in_detections, answers.in_instances, parameters.evaluate))
    rows = [*metrics["per_category"].items(), ("all", metrics)]
    return Judgement(
        metrics,
        {name: metrics[name] for name in ("mean_apk", "mean_pck")},
        {
            "keypoints": [
                {"keypoint": name} | {key: row[key] for key in ("apk", "pck")}
                for name, row in metrics["per_keypoint"].items()
                if row["apk"] is not None
            ]
        },
        table(
            {
                name: [number(m["mean_apk"], 1), number(m["mean_pck"], 3), number(m.get("oks_ap"), 1)]
                for name, m in rows
            },
            ["APK", "PCK", "OKS AP"],
            "APK and COCO's AP of detections in points; PCK with ground-truth boxes.",
        ),
    )


def evaluate_keypoints(
    annotations: AnnotationSet, detections: Results, ground_truth_boxes: Results, settings: EvaluateParameters
) -> dict[str, Any]:
    """All metrics of the keypoint task.

    Parameters
    ----------
    annotations : the ground truth.
    detections : scored keypoints (`read_results` of kind `keypoints`).
    ground_truth_boxes : keypoints in the boxes of instances (kind `ground_truth_keypoints`).

    Returns
    -------
    dict
        `mean_apk` in points of 0..100 and `mean_pck` in 0..1 over all keypoints of all categories that are labelled
        anywhere, `per_keypoint` by "category/keypoint", `per_category`; None where nothing counts. `oks_ap` is COCO's
        AP in points, `oks_ap_50` at OKS .5, for categories with COCO's 17 keypoints.
    """
    per_keypoint: dict[str, dict[str, Any]] = {}
    per_category = {}
    for category in annotations.categories:
        if not category.keypoints:
            continue
        own = [r for r in detections if r["category_id"] == category.id]
        apk, labelled = _apk(annotations, category, own, settings)
        pck = _pck(annotations, category, ground_truth_boxes, settings)
        rows = {
            f"{category.name}/{name}": {"apk": apk[k], "pck": pck[k], "instances": labelled[k]}
            for k, name in enumerate(category.keypoints)
        }
        per_keypoint |= rows
        per_category[category.name] = _means(rows) | oks_average_precision(annotations, category, own)
    return _means(per_keypoint) | {"per_category": per_category, "per_keypoint": per_keypoint}


def tolerance(instance: Instance, category: Category, settings: EvaluateParameters) -> float:
    """Distance in pixels within which a keypoint of this instance is right: `apk_tolerance` torso heights.

    Torso height is the distance between the middles of the labelled shoulders and of the labelled hips; where either
    has none, `torso_share` of the longer side of the box. The fallback is ours.
    """
    truth = _truth(instance, category)
    middles = []
    for joint in ("shoulder", "hip"):
        rows = [k for k, name in enumerate(category.keypoints) if joint in name.lower()]
        labelled = truth[rows][truth[rows, 2] > 0]
        middles.append(labelled[:, :2].mean(axis=0) if len(labelled) else None)
    shoulders, hips = middles
    torso = 0.0 if shoulders is None or hips is None else float(np.hypot(*(shoulders - hips)))
    x0, y0, x1, y1 = instance.box
    return settings.apk_tolerance * (torso or settings.torso_share * max(x1 - x0, y1 - y0))


def _apk(
    annotations: AnnotationSet, category: Category, results: Results, settings: EvaluateParameters
) -> tuple[list[float | None], list[int]]:
    """Average precision of each keypoint in points, and how often it is labelled.

    A hypothesis claims the nearest keypoint, in torso heights, that is not claimed. Hypotheses within the tolerance of
    the box of an instance that is ignored or has no labelled keypoints neither count nor punish; a keypoint predicted
    on an instance that has others labelled, but not this one, is false.
    """
    n_keypoints = len(category.keypoints)
    found = np.array([r["keypoints"] for r in results], dtype=np.float64).reshape(len(results), n_keypoints, 3)
    hit, neutral = np.zeros(found.shape[:2], bool), np.zeros(found.shape[:2], bool)
    for image_id, rows in group_by_image(results).items():
        instances = [i for i in annotations.instances_by_image[image_id] if i.category_id == category.id]
        if not instances:
            continue
        silent = np.array([_is_silent(i) for i in instances])
        truth = np.stack([_truth(i, category) for i in instances])
        box = np.array([i.box for i in instances])
        reach = np.array([tolerance(i, category, settings) for i in instances])
        for k in range(n_keypoints):
            known = silent | (truth[:, k, 2] > 0)
            said = found[rows, k, None, :2]
            place = np.where(silent[:, None], said.clip(box[:, :2], box[:, 2:]), truth[:, k, :2])
            closeness = reach / (reach + np.hypot(*(said - place).transpose(2, 0, 1)))
            given = found[rows, k, 2] > 0
            chosen = np.array(rows)[given]
            judged = match(
                closeness[np.ix_(given, known)],
                found[chosen, k, 2],
                _WITHIN,
                silent[known],
                np.zeros(int(known.sum()), dtype=bool),
                "best_free",
            )
            hit[chosen, k], neutral[chosen, k] = judged.hit[:, 0], judged.neutral[:, 0]
    counted = [_truth(i, category) for i in annotations.instances if _counts(i, category)]
    labelled = [sum(bool(own[k, 2] > 0) for own in counted) for k in range(n_keypoints)]
    values = []
    for k in range(n_keypoints):
        given = found[:, k, 2] > 0
        area = average_precision(found[given, k, 2], hit[given, k], labelled[k], neutral[given, k])
        values.append(points(area))
    return values, labelled


def _pck(
    annotations: AnnotationSet, category: Category, results: Results, settings: EvaluateParameters
) -> list[float | None]:
    """Share of each labelled keypoint that is right when the box is given, over instances of `minimum_area` pixels.

    Raises
    ------
    InputError
        When an instance has no result: leaving it out would flatter the share.
    """
    by_instance = {r["instance_id"]: r["keypoints"] for r in results}
    right: list[list[bool]] = [[] for _ in category.keypoints]
    for instance in annotations.instances:
        if not _counts(instance, category) or masks.area(instance.segmentation) < settings.minimum_area:
            continue
        if instance.id not in by_instance:
            raise InputError(
                f"Instance {instance.id} ({category.name}) has no keypoints among the results on ground-truth boxes; "
                f"every instance with labelled keypoints that is neither crowd nor difficult needs them."
            )
        labelled = np.flatnonzero(_truth(instance, category)[:, 2] > 0)
        verdicts = right_keypoints(instance, category, by_instance[instance.id], settings)
        for k, verdict in zip(labelled, verdicts, strict=True):
            right[k].append(bool(verdict))
    return [float(np.mean(values)) if values else None for values in right]


def right_keypoints(
    instance: Instance, category: Category, found: Sequence[float], settings: EvaluateParameters
) -> NDArray[np.bool_]:
    """Which of the labelled keypoints of an instance are right, in their order; `found` is COCO's flat list."""
    truth, said = _truth(instance, category), np.array(found, dtype=np.float64).reshape(-1, 3)
    near = np.hypot(*(truth - said)[:, :2].T) < tolerance(instance, category, settings)
    verdicts: NDArray[np.bool_] = (near & (said[:, 2] > 0))[truth[:, 2] > 0]
    return verdicts


def _counts(instance: Instance, category: Category) -> bool:
    return instance.category_id == category.id and not _is_silent(instance)


def _is_silent(instance: Instance) -> bool:
    """Whether the instance says nothing of its keypoints."""
    return instance.ignore or not any(v > 0 for v in instance.keypoints[2::3])


def _truth(instance: Instance, category: Category) -> NDArray[np.float64]:
    """COCO's flat list as (k, 3), all unlabelled when the instance has none."""
    flat = instance.keypoints or (0.0,) * (3 * len(category.keypoints))
    return np.array(flat, dtype=np.float64).reshape(-1, 3)


def _means(rows: dict[str, dict[str, Any]]) -> dict[str, float | None]:
    """Over the keypoints that are labelled anywhere."""
    return {f"mean_{name}": known_mean(row[name] for row in rows.values()) for name in ("apk", "pck")}
