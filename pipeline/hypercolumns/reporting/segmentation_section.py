"""The section on instance masks: photographs, metrics, curves, limits of the detections, and the gallery."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from hypercolumns.evaluation.diagnosis import KINDS
from hypercolumns.evaluation.plots import MEAN
from hypercolumns.evaluation.segmentation import ground_truth_box_ious
from hypercolumns.reporting import charts, gallery, headline
from hypercolumns.reporting.charts import Curve, Rows
from hypercolumns.reporting.pictures import draw_all
from hypercolumns.reporting.scenes import make_scenes
from hypercolumns.reporting.section import SectionInputs
from hypercolumns.reporting.sources import SEGMENTATION, read_metrics, read_rows
from hypercolumns.tasks.heat_maps import read_heat_maps


class SegmentationSection:
    """The section on instance masks; implements `ReportSection`."""

    template = "segmentation.html.jinja"
    links = tuple((title.lower(), title) for title in ("Photographs", "Segmentation", "Curves", "Limits", "Gallery"))
    columns = headline.SEGMENTATION
    glossary = ()

    def content(self, inputs: SectionInputs) -> dict[str, Any]:
        """Collect the values for the template, as `ReportSection.content` asks."""
        workspace, parameters, val = inputs.workspace, inputs.parameters, inputs.val
        metrics = read_metrics(workspace.metric("segmentation"), SEGMENTATION)
        half, strict = (read_rows(workspace.plot("segmentation", name)) for name in ("pr_50", "pr_70"))
        curves = ((".5", half), (".7", strict))
        detected = inputs.results("detections")
        photographs = None
        if val is not None and detected is not None:
            photographs = make_scenes(val, detected, parameters.report.photographs)
        return {
            # The headline shows the metrics in ground-truth boxes beside the others.
            "metrics": metrics and metrics | metrics["ground_truth_boxes"],
            "categories": _categories(metrics["per_category"]) if metrics else [],
            "kinds": KINDS,
            "curves": [(overlap, charts.precision_recall_chart(rows, MEAN)) for overlap, rows in curves if rows],
            "panels": _panels(half, strict) if half and strict else [],
            "photographs": photographs,
            "unmasked": val is not None and not all(instance.has_mask for instance in val.instances),
            "gallery": gallery,
            "shown": _shown(metrics),
            **_mask_quality(inputs),
        }


def _shown(metrics: Mapping[str, Any] | None) -> list[str]:
    """Anchors of the parts that have something to show; all of them until the task is evaluated."""
    has_content = {
        "photographs": True,
        "segmentation": metrics is None or metrics["box_ap_50"] is not None,
        "curves": metrics is None or metrics["ap_r_50"] is not None,
        "limits": metrics is None or metrics["box_ap_50"] is not None,
        "gallery": metrics is None or metrics["ground_truth_boxes"]["mean_iou"] is not None,
    }
    return [anchor for anchor, shown in has_content.items() if shown]


def _categories(metrics: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, Mapping[str, Any]]]:
    """List the categories that have instances, with masks or without, the most frequent first."""
    counted = [(name, m) for name, m in metrics.items() if m["positives"] or m["box_ap_50"] is not None]
    return sorted(counted, key=lambda item: (-item[1]["positives"], item[0]))


def _panels(half: Rows, strict: Rows) -> list[tuple[str, Markup]]:
    """Draw one small chart per category, with a curve for each mask IoU; returns (category, chart)."""
    panels = []
    for name in (name for name in half[0] if name not in ("recall", MEAN) and name in strict[0]):
        pair = (Curve.of(half, name, "half", "at mask IoU .5"), Curve.of(strict, name, "strict", "at mask IoU .7"))
        panels.append((name, charts.curve_chart(pair, charts.SMALL)))
    return panels


def _mask_quality(inputs: SectionInputs) -> dict[str, Any]:
    """Draw the histogram of mask IoU in ground-truth boxes, and the cards of the gallery."""
    val, parameters, predictions = inputs.val, inputs.parameters, inputs.results("instances")
    if val is None or predictions is None:
        return {"histogram": None, "cards": []}
    instances, ious = ground_truth_box_ious(val, predictions, parameters.evaluate)
    predicted = {result["instance_id"]: result["segmentation"] for result in predictions}
    heat_maps = inputs.workspace.heat_maps("segmentation")
    heat = read_heat_maps(heat_maps) if heat_maps.exists() else {}
    chosen = gallery.choose(ious.tolist(), [i.category_id for i in instances], parameters.report.gallery)

    def card(position: int) -> gallery.Card:
        instance, iou = instances[position], float(ious[position])
        return gallery.make_card(val, instance, predicted[instance.id], iou, heat.get(instance.id), parameters)

    histogram = charts.histogram(ious, marks=(0.5, 0.7)) if len(ious) else None
    return {"histogram": histogram, "cards": draw_all(card, chosen)}
