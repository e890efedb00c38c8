"""The sections of the page on keypoints and parts: a table with the baselines, and pictures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.annotations.model import AnnotationSet
from pipeline.annotations.results import Kind, Results, read_results
from pipeline.parameters import Parameters
from pipeline.reporting.pairs import Pair, keypoint_pairs, part_pairs
from pipeline.reporting.sources import read_task_metrics

_BASELINES = {"baseline_top_layer": "top layer alone", "baseline_k1": "K = 1"}


@dataclass(frozen=True)
class TaskSection:
    """What the page says of one task."""

    name: str
    title: str
    intro: str
    caption: str
    metrics: Path
    columns: tuple[str, ...]
    rows: list[tuple[str, list[str]]]
    """Name and cells: categories, then all, then the baselines; none while the metrics are missing."""
    pairs: list[Pair]


@dataclass(frozen=True)
class _Layout:
    title: str
    intro: str
    caption: str
    columns: Mapping[str, tuple[str, int]]
    """Key of the metrics -> title of the column and digits."""
    kind: Kind
    pairs: Callable[[AnnotationSet, Results, Parameters], list[Pair]]


_LAYOUTS = {
    "keypoints": _Layout(
        "Keypoints",
        "One heat map per keypoint; its peak is the answer.",
        "APK of own detections in points of 0 to 100, PCK in ground-truth boxes from 0 to 1: a keypoint is right "
        "within a share of the torso height. Left the true keypoints, right the predicted ones; the number is the "
        "share that is right.",
        {"mean_apk": ("APK", 1), "mean_pck": ("PCK", 3)},
        "ground_truth_keypoints",
        lambda val, results, p: keypoint_pairs(val, results, p.evaluate, p.regions.expansion, p.report.gallery),
    ),
    "parts": _Layout(
        "Parts",
        "One heat map per part; inside the predicted mask the hottest part is the label.",
        "AP of own detections in points of 0 to 100, where a pixel counts only with the right part label; part IoU and "
        "pixel accuracy in ground-truth boxes from 0 to 1. Left the true parts, right the predicted ones; the number "
        "is the overlap of the labels.",
        {
            "ap_r_part_50": ("AP of parts .5", 1),
            "mean_part_iou": ("mean part IoU", 3),
            "pixel_accuracy": ("pixel accuracy", 3),
        },
        "ground_truth_parts",
        lambda val, results, p: part_pairs(val, results, p.regions.expansion, p.report.gallery),
    ),
}


def task_sections(
    val: AnnotationSet | None, metrics: Path, predictions: Path, parameters: Parameters
) -> list[TaskSection]:
    """The sections of those of `parameters.tasks` that are shown here; `metrics` and `predictions` are folders."""
    sections = []
    for name, layout in _LAYOUTS.items():
        if name not in parameters.tasks:
            continue
        file, results = metrics / f"{name}.json", predictions / f"{name}_ground_truth.json"
        pairs = []
        if val is not None and results.exists():
            answers = read_results(results, val, layout.kind, "`dvc repro predict` writes it")
            pairs = layout.pairs(val, answers, parameters)
        content = read_task_metrics(file, (*layout.columns, "per_category"))
        titles = tuple(title for title, _ in layout.columns.values())
        rows = _rows(content, layout.columns) if content else []
        sections.append(TaskSection(name, layout.title, layout.intro, layout.caption, file, titles, rows, pairs))
    return sections


def _rows(content: Mapping[str, Any], columns: Mapping[str, tuple[str, int]]) -> list[tuple[str, list[str]]]:
    named = [*content["per_category"].items(), ("all", content)]
    named += [(f"all, {title}", content[key]) for key, title in _BASELINES.items() if key in content]
    return [(name, _cells(values, columns)) for name, values in named]


def _cells(values: Mapping[str, Any], columns: Mapping[str, tuple[str, int]]) -> list[str]:
    return [
        "\N{EN DASH}" if values.get(key) is None else f"{values[key]:.{digits}f}"
        for key, (_, digits) in columns.items()
    ]
