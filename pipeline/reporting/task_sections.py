"""The sections of the page on keypoints and parts: a table with the baselines, and pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.annotations.model import AnnotationSet
from pipeline.annotations.results import Kind, read_results
from pipeline.parameters import Parameters
from pipeline.reporting.headline import Column, Measured
from pipeline.reporting.pairs import KEYPOINTS, PARTS, Look, Pair, make_pairs
from pipeline.reporting.sources import Sources, read_metrics

Row = tuple[str, list[str]]
"""What a row is about, and its cells."""


@dataclass(frozen=True)
class TaskSection:
    """What the page says of one task."""

    name: str
    title: str
    intro: str
    caption: str
    """With places for what `{detections}` are and for the `{tolerance}` of keypoints."""
    metrics: Path
    columns: tuple[Column, ...]
    values: Mapping[str, Any]
    """The metrics, all categories together; empty while they are missing, as the following are."""
    categories: list[Row]
    totals: list[Row]
    """The model of the task, then its baselines."""
    pairs: list[Pair]


@dataclass(frozen=True)
class _Layout:
    title: str
    intro: str
    caption: str
    columns: tuple[Column, ...]
    kind: Kind
    look: Look


_LAYOUTS = {
    "keypoints": _Layout(
        "Keypoints",
        "One heat map per keypoint; its peak is the answer.",
        "APK of {detections} in points of 0 to 100, PCK in ground-truth boxes from 0 to 1: a keypoint is right "
        "within {tolerance} torso heights. Below, left the true keypoints, right those predicted in the same "
        "ground-truth box; the number is the share that is right.",
        (
            Column("mean_apk", "APK", Measured.DETECTIONS),
            Column("mean_pck", "PCK", Measured.GROUND_TRUTH_BOXES),
        ),
        "ground_truth_keypoints",
        KEYPOINTS,
    ),
    "parts": _Layout(
        "Parts",
        "One heat map per part; inside the predicted mask the hottest part is the label.",
        "AP of {detections} in points of 0 to 100, where a pixel counts only with the right part label; part IoU and "
        "pixel accuracy in ground-truth boxes from 0 to 1. Below, left the true parts, right those predicted in the "
        "same ground-truth box; the number is the overlap of the labels.",
        (
            Column("ap_r_part_50", "AP of parts .5", Measured.DETECTIONS),
            Column("mean_part_iou", "mean part IoU", Measured.GROUND_TRUTH_BOXES),
            Column("pixel_accuracy", "pixel accuracy", Measured.GROUND_TRUTH_BOXES),
        ),
        "ground_truth_parts",
        PARTS,
    ),
}


def task_sections(val: AnnotationSet | None, inputs: Sources, parameters: Parameters) -> list[TaskSection]:
    """The sections of those of `parameters.tasks` that are shown here."""
    sections = []
    for name, layout in _LAYOUTS.items():
        if name not in parameters.tasks:
            continue
        metrics, answers = inputs.metric(name), inputs.prediction(f"{name}_ground_truth.json")
        pairs = []
        if val is not None and answers.exists():
            results = read_results(answers, val, layout.kind, "`dvc repro predict` writes it")
            pairs = make_pairs(val, results, layout.look, parameters)
        content = read_metrics(metrics, (*(column.key for column in layout.columns), "per_category"))
        sections.append(
            TaskSection(
                name,
                layout.title,
                layout.intro,
                layout.caption,
                metrics,
                layout.columns,
                content or {},
                [(key, _cells(row, layout.columns)) for key, row in content["per_category"].items()] if content else [],
                _totals(content, layout.columns, parameters) if content else [],
                pairs,
            )
        )
    return sections


def _totals(content: Mapping[str, Any], columns: Sequence[Column], parameters: Parameters) -> list[Row]:
    """All categories together; the baselines have a K of their own (`grid.baselines`)."""
    grid, top = parameters.train.grid, parameters.backbone.layers[-1]
    named = [
        (f"all: every block, K = {grid}", content),
        (f"all: only {top}, K = {parameters.ablate.grid}", content.get("baseline_top_layer")),
        ("all: every block, K = 1", content.get("baseline_k1")),
    ]
    return [(name, _cells(row, columns)) for name, row in named if row is not None]


def _cells(values: Mapping[str, Any], columns: Sequence[Column]) -> list[str]:
    return [column.text(values) for column in columns]
