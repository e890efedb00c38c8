"""Assembling the page: reads what the stages wrote, leaves a note where something is missing."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from pipeline.annotations.model import AnnotationSet
from pipeline.annotations.results import Results, read_results
from pipeline.errors import InputError
from pipeline.evaluation.diagnosis import KINDS
from pipeline.evaluation.plots import MEAN
from pipeline.evaluation.segmentation import ground_truth_box_ious
from pipeline.parameters import Parameters
from pipeline.reporting import figures, gallery, sources, tables
from pipeline.reporting.sources import Sources
from pipeline.reporting.task_sections import task_sections

NOTHING = "\N{EN DASH}"


def build_page(inputs: Sources, parameters: Parameters) -> str:
    """The whole page as HTML, with styles and pictures inside.

    Raises
    ------
    InputError
        When a file is there but is not what its stage writes. A missing file is no error: its section names the stage
        that writes it.
    """
    train, val = sources.read_annotations(inputs.train), sources.read_annotations(inputs.val)
    metrics = sources.read_segmentation_metrics(inputs.segmentation)
    ablation = sources.read_ablation(inputs.ablation)
    predictions = None
    if val is not None and inputs.predictions.exists():
        predictions = read_results(inputs.predictions, val, "ground_truth", "`dvc repro predict` writes it")
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            inputs=inputs,
            description=next((s.description for s in (val, train) if s is not None), ""),
            train=train,
            val=val,
            dataset=tables.dataset_rows(train, val),
            proposals=sources.read_proposal_metrics(inputs.proposals),
            metrics=metrics,
            categories=_categories(metrics),
            kinds=KINDS,
            curves=_curves(inputs),
            panels=_panels(inputs),
            ablation=tables.ablation_table(ablation, parameters.train.grid) if ablation else None,
            **_shown_instances(val, predictions, inputs.heat_maps, parameters),
            tasks=task_sections(val, inputs.metrics, inputs.answers, parameters),
            legend={
                "scale": gallery.colour_scale(),
                "agreed": gallery.AGREED,
                "missed": gallery.MISSED,
                "extra": gallery.EXTRA,
            },
            parameters=parameters,
            # The compute section changes no result, so that the page must not change with it.
            parameter_sections=tables.parameter_sections(parameters.model_dump(exclude={"compute"})),
        )
    )


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("pipeline.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "points": lambda value: _number(value, 1),
        "overlap": lambda value: _number(value, 3),
        "signed": lambda value: f"{value:+.3f}".replace("-", "\N{MINUS SIGN}"),
        "percent": lambda value: NOTHING if value is None else f"{100 * value:.1f} %",
        "rgb": lambda colour: "rgb({} {} {})".format(*colour),
        "thousands": lambda value: f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}"),
        "words": lambda key: key.replace("_", " "),
    }
    return environment


def _number(value: float | None, digits: int) -> str:
    return NOTHING if value is None else f"{value:.{digits}f}"


def _categories(metrics: Mapping[str, Any] | None) -> list[tuple[str, Mapping[str, Any]]]:
    """Categories with instances, the most frequent first."""
    if metrics is None:
        return []
    counted = [(name, m) for name, m in metrics["per_category"].items() if m["positives"]]
    return sorted(counted, key=lambda item: (-item[1]["positives"], item[0]))


def _curves(inputs: Sources) -> list[tuple[str, Markup]]:
    """The overlap and the chart of all categories with their mean, for both overlaps."""
    charts = []
    for overlap, path in ((".5", inputs.curves_50), (".7", inputs.curves_70)):
        rows = sources.read_rows(path)
        if rows:
            charts.append((overlap, figures.precision_recall_chart(rows, MEAN)))
    return charts


def _panels(inputs: Sources) -> list[tuple[str, Markup]]:
    """One small chart per category, with the curves of both overlaps."""
    half, strict = (sources.read_rows(path) for path in (inputs.curves_50, inputs.curves_70))
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
    heat = _HeatMaps(heat_maps)
    chosen = gallery.choose(ious.tolist(), [i.category_id for i in instances], parameters.report.gallery)
    cards = [
        gallery.make_card(
            val,
            instances[position],
            codes[instances[position].id],
            float(ious[position]),
            heat.get(instances[position].id),
            parameters.regions.expansion,
            parameters.predict.threshold,
        )
        for position in chosen
    ]
    return {"histogram": figures.histogram(ious, marks=(0.5, 0.7)) if len(ious) else None, "cards": cards}


class _HeatMaps:
    """The heat maps of a Zarr group by instance id; none when the group has not been written."""

    def __init__(self, path: Path) -> None:
        self._rows: dict[int, int] = {}
        if not path.exists():
            return
        try:
            group = zarr.open_group(path, mode="r")
            self._boxes = np.asarray(group["box"], dtype=np.float64)
            self._heat = np.asarray(group["heat"], dtype=np.uint8)
            self._rows = {int(number): row for row, number in enumerate(np.asarray(group["instance_id"]))}
        except (KeyError, ValueError, OSError) as error:
            raise InputError(f"{path} is no group of heat maps ({error}); `dvc repro predict` writes it.") from None

    def get(self, instance_id: int) -> gallery.HeatMap | None:
        row = self._rows.get(instance_id)
        return None if row is None else gallery.HeatMap(self._boxes[row], self._heat[row])
