"""How each task is judged: where the evaluation of a new task is entered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.annotations.model import AnnotationSet
from pipeline.annotations.results import Kind, Results
from pipeline.evaluation import parts
from pipeline.evaluation.judgement import Judgement, number, rounded, table
from pipeline.evaluation.keypoints import evaluate_keypoints
from pipeline.evaluation.parts import evaluate_parts
from pipeline.evaluation.plots import category_rows, precision_recall_rows
from pipeline.evaluation.segmentation import HALF, STRICT, evaluate_segmentation
from pipeline.parameters import Parameters


@dataclass(frozen=True)
class Answers:
    """What was predicted of a task, and the detections it was predicted in."""

    detections: Results
    ground_truth_boxes: Results
    boxes: Results


@dataclass(frozen=True)
class Evaluation:
    """What the results of a task hold, and how they are judged."""

    detections: Kind
    ground_truth_boxes: Kind
    judge: Callable[[AnnotationSet, Answers, Parameters], Judgement]


def _segmentation(truth: AnnotationSet, answers: Answers, parameters: Parameters) -> Judgement:
    evaluation = evaluate_segmentation(
        truth,
        answers.detections,
        answers.boxes,
        answers.ground_truth_boxes,
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


def _keypoints(truth: AnnotationSet, answers: Answers, parameters: Parameters) -> Judgement:
    metrics = rounded(evaluate_keypoints(truth, answers.detections, answers.ground_truth_boxes, parameters.evaluate))
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


def _parts(truth: AnnotationSet, answers: Answers, parameters: Parameters) -> Judgement:
    found, matches = evaluate_parts(truth, answers.detections, answers.ground_truth_boxes, parameters.evaluate)
    metrics = rounded(found)
    names = ("ap_r_part_50", "mean_part_iou", "pixel_accuracy")
    rows = [*metrics["per_category"].items(), ("all", metrics)]
    return Judgement(
        metrics,
        {name: metrics[name] for name in names},
        {
            "pr_50": rounded(precision_recall_rows(truth, matches, parts.HALF)),
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


EVALUATIONS: Mapping[str, Evaluation] = {
    "segmentation": Evaluation("masks", "ground_truth", _segmentation),
    "keypoints": Evaluation("keypoints", "ground_truth_keypoints", _keypoints),
    "parts": Evaluation("parts", "ground_truth_parts", _parts),
}


def with_baselines(metrics: Mapping[str, Any], baselines: Mapping[str, Judgement]) -> dict[str, Any]:
    """The metrics of a task with the headline of every baseline as `baseline_<name>`."""
    return {**metrics, **{f"baseline_{name}": dict(judged.summary) for name, judged in baselines.items()}}
