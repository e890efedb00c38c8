"""The sections of the page on keypoints and parts: a table with the baselines, and pictures."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.annotations.model import AnnotationSet
from pipeline.annotations.results import Kind, read_results
from pipeline.parameters import Parameters
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
    """With a place for what `{detections}` are."""
    metrics: Path
    columns: tuple[str, ...]
    categories: list[Row]
    """None while the metrics are missing; so with the following."""
    totals: list[Row]
    """The model of the task, then its baselines."""
    pairs: list[Pair]

    @property
    def headline(self) -> list[tuple[str, str]]:
        """Title and figure of the model of the task, all categories together."""
        return list(zip(self.columns, self.totals[0][1], strict=True))


@dataclass(frozen=True)
class _Layout:
    title: str
    intro: str
    caption: str
    columns: Mapping[str, tuple[str, int]]
    """Key of the metrics -> title of the column and digits."""
    kind: Kind
    look: Look


_LAYOUTS = {
    "keypoints": _Layout(
        "Keypoints",
        "One heat map per keypoint; its peak is the answer.",
        "APK of {detections} in points of 0 to 100, PCK in ground-truth boxes from 0 to 1: a keypoint is right "
        "within a share of the torso height. Below, left the true keypoints, right those predicted in the same "
        "ground-truth box; the number is the share that is right.",
        {"mean_apk": ("APK", 1), "mean_pck": ("PCK", 3)},
        "ground_truth_keypoints",
        KEYPOINTS,
    ),
    "parts": _Layout(
        "Parts",
        "One heat map per part; inside the predicted mask the hottest part is the label.",
        "AP of {detections} in points of 0 to 100, where a pixel counts only with the right part label; part IoU and "
        "pixel accuracy in ground-truth boxes from 0 to 1. Below, left the true parts, right those predicted in the "
        "same ground-truth box; the number is the overlap of the labels.",
        {
            "ap_r_part_50": ("AP of parts .5", 1),
            "mean_part_iou": ("mean part IoU", 3),
            "pixel_accuracy": ("pixel accuracy", 3),
        },
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
        content = read_metrics(metrics, (*layout.columns, "per_category"))
        sections.append(
            TaskSection(
                name,
                layout.title,
                layout.intro,
                layout.caption,
                metrics,
                tuple(title for title, _ in layout.columns.values()),
                [(key, _cells(row, layout.columns)) for key, row in content["per_category"].items()] if content else [],
                _totals(content, layout.columns, parameters) if content else [],
                pairs,
            )
        )
    return sections


def _totals(content: Mapping[str, Any], columns: Mapping[str, tuple[str, int]], parameters: Parameters) -> list[Row]:
    """All categories together; the baselines have a K of their own (`grid.baselines`)."""
    grid, top = parameters.train.grid, parameters.backbone.layers[-1]
    named = [
        (f"all: every block, K = {grid}", content),
        (f"all: only {top}, K = {parameters.ablate.grid}", content.get("baseline_top_layer")),
        ("all: every block, K = 1", content.get("baseline_k1")),
    ]
    return [(name, _cells(row, columns)) for name, row in named if row is not None]


def _cells(values: Mapping[str, Any], columns: Mapping[str, tuple[str, int]]) -> list[str]:
    return [
        "\N{EN DASH}" if values.get(key) is None else f"{values[key]:.{digits}f}"
        for key, (_, digits) in columns.items()
    ]
