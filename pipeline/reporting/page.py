"""Assembling the page: reads what the stages wrote, leaves a note where something is missing."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pipeline.annotations.model import AnnotationSet
from pipeline.annotations.results import Kind, Results, read_results
from pipeline.evaluation.diagnosis import KINDS
from pipeline.evaluation.plots import MEAN
from pipeline.evaluation.segmentation import ground_truth_box_ious
from pipeline.parameters import Parameters
from pipeline.reporting import figures, gallery, headline, sources, tables
from pipeline.reporting.headline import NOTHING, OVERLAP_DIGITS, POINT_DIGITS, number
from pipeline.reporting.pictures import draw_all
from pipeline.reporting.scenes import make_scenes
from pipeline.reporting.sources import Sources
from pipeline.reporting.task_sections import TaskSection, task_sections
from pipeline.tasks.heat_maps import read_heat_maps

_DETECTIONS = {
    "own": "own detections",
    "file": "detections of a file",
    "ground_truth": "ground-truth boxes in place of detections",
}
"""What detections are, by `detection.source`."""


def build_page(inputs: Sources, parameters: Parameters) -> str:
    """The whole page as HTML, with styles and pictures inside.

    Raises
    ------
    InputError
        When a file is there but is not what its stage writes. A missing file is no error: its section names the stage
        that writes it.
    """
    train, val = (sources.read_annotations(inputs.annotations(split)) for split in ("train", "val"))
    ablation = sources.read_ablation(inputs.metric("ablation"))
    masks = _segmentation(val, inputs, parameters) if "segmentation" in parameters.tasks else {"metrics": None}
    tasks = task_sections(val, inputs, parameters)
    detections = _DETECTIONS[parameters.detection.source]
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            inputs=inputs,
            description=next((s.description for s in (val, train) if s is not None), ""),
            train=train,
            val=val,
            dataset=tables.dataset_rows(train, val),
            detections=detections,
            headline=_headline(masks["metrics"], tasks, detections),
            proposals=sources.read_metrics(inputs.metric("proposals"), sources.PROPOSALS),
            **masks,
            ablation=tables.ablation_table(ablation, parameters.train.grid) if ablation else None,
            tasks=tasks,
            parameters=parameters,
            # The compute section changes no result, so that the page must not change with it.
            parameter_sections=tables.parameter_sections(parameters.model_dump(mode="json", exclude={"compute"})),
        )
    )


def _headline(metrics: Mapping[str, Any] | None, tasks: Sequence[TaskSection], detections: str) -> list[headline.Group]:
    """The figures at the top, of the tasks that have been evaluated."""
    shown = [(task.name, task.columns, task.values) for task in tasks if task.values]
    if metrics is not None:
        shown = [("segmentation", headline.SEGMENTATION, metrics | metrics["ground_truth_boxes"]), *shown]
    return headline.groups(shown, detections)


def _segmentation(val: AnnotationSet | None, inputs: Sources, parameters: Parameters) -> dict[str, Any]:
    """What `segmentation.html.jinja` shows."""
    metrics = sources.read_metrics(inputs.metric("segmentation"), sources.SEGMENTATION)
    found, given = (_results(val, inputs, name) for name in ("segmentation", "segmentation_ground_truth"))
    return {
        "metrics": metrics,
        "categories": _categories(metrics),
        "kinds": KINDS,
        "curves": _curves(inputs),
        "panels": _panels(inputs),
        "photographs": None if val is None or found is None else make_scenes(val, found, parameters.report.photographs),
        **_shown_instances(val, given, inputs.prediction("segmentation_heat_maps.zarr"), parameters),
        "legend": {
            "scale": gallery.colour_scale(),
            "agreed": gallery.AGREED,
            "missed": gallery.MISSED,
            "extra": gallery.EXTRA,
        },
    }


def _results(val: AnnotationSet | None, inputs: Sources, name: str) -> Results | None:
    """Masks in detections or in ground-truth boxes; None when they have not been written yet."""
    path = inputs.prediction(f"{name}.json")
    if val is None or not path.exists():
        return None
    kind: Kind = "ground_truth" if name.endswith("ground_truth") else "masks"
    return read_results(path, val, kind, "`dvc repro predict` writes it")


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pipeline.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "points": lambda value: number(value, POINT_DIGITS),
        "overlap": lambda value: number(value, OVERLAP_DIGITS),
        "gain": lambda value, other: f"{value - other:+.{OVERLAP_DIGITS}f}".replace("-", "\N{MINUS SIGN}"),
        "percent": lambda value: NOTHING if value is None else f"{100 * value:.1f} %",
        "rgb": lambda colour: "rgb({} {} {})".format(*colour),
        "thousands": lambda value: f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}"),
        "words": lambda key: key.replace("_", " "),
    }
    return environment


def _categories(metrics: Mapping[str, Any] | None) -> list[tuple[str, Mapping[str, Any]]]:
    """Categories with instances, the most frequent first."""
    if metrics is None:
        return []
    counted = [(name, m) for name, m in metrics["per_category"].items() if m["positives"]]
    return sorted(counted, key=lambda item: (-item[1]["positives"], item[0]))


def _curves(inputs: Sources) -> list[tuple[str, Markup]]:
    """The overlap and the chart of all categories with their mean, for both overlaps."""
    charts = []
    for overlap, path in ((".5", inputs.curves(50)), (".7", inputs.curves(70))):
        rows = sources.read_rows(path)
        if rows:
            charts.append((overlap, figures.precision_recall_chart(rows, MEAN)))
    return charts


def _panels(inputs: Sources) -> list[tuple[str, Markup]]:
    """One small chart per category, with the curves of both overlaps."""
    half, strict = (sources.read_rows(path) for path in (inputs.curves(50), inputs.curves(70)))
    if not half or not strict:
        return []
    recall = [row["recall"] for row in half]
    panels = []
    for name in (name for name in half[0] if name not in ("recall", MEAN) and name in strict[0]):
        lines = [
            figures.Line("at mask IoU .5", recall, [row[name] for row in half], "half"),
            figures.Line("at mask IoU .7", recall, [row[name] for row in strict], "strict"),
        ]
        panels.append((name, figures.line_chart(lines, "recall", "precision", figures.SMALL)))
    return panels


def _shown_instances(
    val: AnnotationSet | None, predictions: Results | None, heat_maps: Path, parameters: Parameters
) -> dict[str, Any]:
    """The histogram of mask IoU on ground-truth boxes, and the cards of the gallery."""
    if val is None or predictions is None:
        return {"histogram": None, "cards": []}
    instances, ious = ground_truth_box_ious(val, predictions, parameters.evaluate)
    codes = {result["instance_id"]: result["segmentation"] for result in predictions}
    heat = read_heat_maps(heat_maps) if heat_maps.exists() else {}
    chosen = gallery.choose(ious.tolist(), [i.category_id for i in instances], parameters.report.gallery)

    def card(position: int) -> gallery.Card:
        return gallery.make_card(
            val,
            instances[position],
            codes[instances[position].id],
            float(ious[position]),
            heat.get(instances[position].id),
            parameters.regions.expansion,
            parameters.predict.threshold,
        )

    histogram = figures.histogram(ious, marks=(0.5, 0.7)) if len(ious) else None
    return {"histogram": histogram, "cards": draw_all(card, chosen)}
