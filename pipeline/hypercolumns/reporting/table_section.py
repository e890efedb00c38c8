"""The section of most tasks: a table of metrics with the baselines, and pairs of pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypercolumns.parameters import Parameters
from hypercolumns.reporting.headline import Column
from hypercolumns.reporting.pairs import Pair, PairRenderer, Preview, make_legend, make_pairs, make_previews
from hypercolumns.reporting.section import SectionInputs
from hypercolumns.reporting.sources import read_metrics


@dataclass(frozen=True)
class TableSection:
    """A table of metrics and a gallery of pairs; implements `ReportSection`."""

    name: str
    title: str
    intro: str
    caption: str
    """Text below the table; `{detections}` becomes what the detections are, `{tolerance}` `evaluate.apk_tolerance`."""
    columns: tuple[Column, ...]
    """Metrics that the task, each of its categories and each of its baselines have."""
    pictures: PairRenderer | None = None
    """Draws true and predicted answers side by side; None for no pictures."""
    glossary: tuple[tuple[str, str], ...] = ()
    template = "task.html.jinja"

    @property
    def links(self) -> tuple[tuple[str, str], ...]:
        """Anchor and title for the navigation."""
        return ((self.name, self.title),)

    def content(self, inputs: SectionInputs) -> dict[str, Any]:
        """Collect the values for the template, as `ReportSection.content` asks."""
        path = inputs.workspace.metric(inputs.task)
        metrics = read_metrics(path, (*(column.key for column in self.columns), "per_category"))
        rows = [(name, self._cells(row)) for name, row in metrics["per_category"].items()] if metrics else []
        # Without annotations of the task in val, nothing is measured, and predictions are shown alone.
        unmeasured = metrics is not None and all(metrics[column.key] is None for column in self.columns)
        previews = self._previews(inputs) if unmeasured else []
        caption = self.caption.format(detections=inputs.detections, tolerance=inputs.parameters.evaluate.apk_tolerance)
        return {
            "section": self,
            "caption": caption,
            "metrics": metrics,
            "metrics_file": path,
            "categories": rows,
            "totals": self._totals(metrics, inputs.parameters) if metrics else [],
            "unmeasured": unmeasured,
            "pairs": self._pairs(inputs),
            "previews": previews,
            "legend": make_legend(inputs.val, self.pictures) if self.pictures and inputs.val else {},
            "shown": () if unmeasured and not previews else (self.name,),
        }

    def _pairs(self, inputs: SectionInputs) -> Sequence[Pair]:
        if self.pictures is None or inputs.val is None:
            return []
        return make_pairs(inputs.val, inputs.results("instances") or [], self.pictures, inputs.parameters)

    def _previews(self, inputs: SectionInputs) -> Sequence[Preview]:
        if self.pictures is None or inputs.val is None:
            return []
        return make_previews(inputs.val, inputs.results("detections") or [], self.pictures, inputs.parameters)

    def _totals(self, metrics: Mapping[str, Any], parameters: Parameters) -> list[tuple[str, list[str]]]:
        """List the row of the task and those of its baselines, whose K is `ablate.grid` or 1, as title and cells."""
        grid, top = parameters.train.grid, parameters.backbone.layers[-1]
        rows = [
            (f"all: all blocks, K = {grid}", metrics),
            (f"all: only {top}, K = {parameters.ablate.grid}", metrics.get("baseline_top_layer")),
            ("all: all blocks, K = 1", metrics.get("baseline_k1")),
        ]
        return [(name, self._cells(row)) for name, row in rows if row is not None]

    def _cells(self, values: Mapping[str, Any]) -> list[str]:
        return [column.text(values) for column in self.columns]
