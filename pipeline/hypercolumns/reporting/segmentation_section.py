"""The section on instance masks: photographs, metrics, curves, limits of the detections, and the gallery."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.results import Boxes, Results, read_results
from hypercolumns.evaluation.diagnosis import KINDS
from hypercolumns.evaluation.plots import MEAN
from hypercolumns.evaluation.segmentation import ground_truth_box_ious
from hypercolumns.parameters import Parameters
from hypercolumns.reporting import charts, gallery, headline
from hypercolumns.reporting.pictures import draw_all
from hypercolumns.reporting.scenes import make_scenes
from hypercolumns.reporting.section import SectionInputs
from hypercolumns.reporting.sources import PROPOSALS, SEGMENTATION, read_metrics, read_rows
from hypercolumns.tasks.heat_maps import read_heat_maps
from hypercolumns.workspace import Workspace


class SegmentationSection:
    """The section on instance masks; implements `ReportSection`."""

    template = "segmentation.html.jinja"
    links = (
        ("photographs", "Photographs"),
        ("segmentation", "Segmentation"),
        ("curves", "Curves"),
        ("limits", "Limits"),
        ("gallery", "Gallery"),
    )
    columns = headline.SEGMENTATION
    glossary = ()

    def headline(self, metrics: Mapping[str, Any]) -> Mapping[str, Any]:
        """Merge the metrics in ground-truth boxes with the others."""
        return {**metrics, **metrics["ground_truth_boxes"]}

    def content(self, inputs: SectionInputs) -> dict[str, Any]:
        """Collect the values for the template, as `ReportSection.content` asks."""
        workspace, parameters, val = inputs.workspace, inputs.parameters, inputs.val
        metrics = read_metrics(workspace.metric("segmentation"), SEGMENTATION)
        detected = _results(inputs, workspace.predictions("segmentation"), "detections")
        annotated = _results(inputs, workspace.ground_truth_predictions("segmentation"), "instances")
        photographs = None
        if val is not None and detected is not None:
            photographs = make_scenes(val, detected, parameters.report.photographs)
        return {
            "metrics": metrics,
            "categories": _categories(metrics),
            "kinds": KINDS,
            "curves": _curves(workspace),
            "panels": _panels(workspace),
            "photographs": photographs,
            "proposals": read_metrics(workspace.metric("proposals"), PROPOSALS),
            **_mask_quality(val, annotated, workspace.heat_maps("segmentation"), parameters),
            "legend": {
                "scale": gallery.colour_scale(),
                "agreed": gallery.AGREED,
                "missed": gallery.MISSED,
                "extra": gallery.EXTRA,
            },
        }


def _results(inputs: SectionInputs, path: Path, boxes: Boxes) -> Results | None:
    """Read predicted masks; None until they are written."""
    if inputs.val is None or not path.exists():
        return None
    return read_results(path, inputs.val, inputs.answer, boxes)


def _categories(metrics: Mapping[str, Any] | None) -> list[tuple[str, Mapping[str, Any]]]:
    """List the categories that have instances, the most frequent first."""
    if metrics is None:
        return []
    counted = [(name, m) for name, m in metrics["per_category"].items() if m["positives"]]
    return sorted(counted, key=lambda item: (-item[1]["positives"], item[0]))


def _curves(workspace: Workspace) -> list[tuple[str, Markup]]:
    """Draw one chart with all categories and their mean for each mask IoU; returns (IoU, chart)."""
    rows = {overlap: read_rows(workspace.plot("segmentation", f"pr_{overlap}0")) for overlap in ("5", "7")}
    return [(f".{overlap}", charts.precision_recall_chart(r, MEAN)) for overlap, r in rows.items() if r]


def _panels(workspace: Workspace) -> list[tuple[str, Markup]]:
    """Draw one small chart per category, with a curve for each mask IoU; returns (category, chart)."""
    half, strict = (read_rows(workspace.plot("segmentation", name)) for name in ("pr_50", "pr_70"))
    if not half or not strict:
        return []
    recall = [row["recall"] for row in half]
    panels = []
    for name in (name for name in half[0] if name not in ("recall", MEAN) and name in strict[0]):
        lines = [
            charts.Line("at mask IoU .5", recall, [row[name] for row in half], "half"),
            charts.Line("at mask IoU .7", recall, [row[name] for row in strict], "strict"),
        ]
        panels.append((name, charts.line_chart(lines, "recall", "precision", charts.SMALL)))
    return panels


def _mask_quality(
    val: AnnotationSet | None, predictions: Results | None, heat_maps: Path, parameters: Parameters
) -> dict[str, Any]:
    """Draw the histogram of mask IoU in ground-truth boxes, and the cards of the gallery."""
    if val is None or predictions is None:
        return {"histogram": None, "cards": []}
    instances, ious = ground_truth_box_ious(val, predictions, parameters.evaluate)
    predicted = {result["instance_id"]: result["segmentation"] for result in predictions}
    heat = read_heat_maps(heat_maps) if heat_maps.exists() else {}
    chosen = gallery.choose(ious.tolist(), [i.category_id for i in instances], parameters.report.gallery)

    def card(position: int) -> gallery.Card:
        return gallery.make_card(
            val,
            instances[position],
            predicted[instances[position].id],
            float(ious[position]),
            heat.get(instances[position].id),
            parameters.regions.expansion,
            parameters.predict.threshold,
        )

    histogram = charts.histogram(ious, marks=(0.5, 0.7)) if len(ious) else None
    return {"histogram": histogram, "cards": draw_all(card, chosen)}
