"""The section of most tasks: a table with the baselines, and pictures of true and predicted answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypercolumns.annotations.results import read_results
from hypercolumns.parameters import Parameters
from hypercolumns.reporting.headline import Column
from hypercolumns.reporting.pairs import Pair, PairRenderer, make_pairs
from hypercolumns.reporting.section import SectionInputs
from hypercolumns.reporting.sources import read_metrics

Row = tuple[str, list[str]]
"""What a row is about, and its cells."""


@dataclass(frozen=True)
class TableSection:
    """See `ReportSection`."""

    name: str
    title: str
    intro: str
    caption: str
    """May hold `{detections}`, what the detections are, and `{tolerance}`, that of keypoints."""
    columns: tuple[Column, ...]
    """Figures that the metrics hold for the whole task, every category and every baseline."""
    pictures: PairRenderer | None = None
    """Draws true and predicted answers side by side; None shows none."""
    glossary: tuple[tuple[str, str], ...] = ()
    template = "task.html.jinja"

    @property
    def links(self) -> tuple[tuple[str, str], ...]:
        return ((self.name, self.title),)

    def headline(self, metrics: Mapping[str, Any]) -> Mapping[str, Any]:
        return metrics

    def content(self, inputs: SectionInputs) -> dict[str, Any]:
        """See `ReportSection.content`."""
        path = inputs.workspace.metric(inputs.task)
        metrics = read_metrics(path, (*(column.key for column in self.columns), "per_category"))
        rows = [(name, self._cells(row)) for name, row in metrics["per_category"].items()] if metrics else []
        caption = self.caption.format(detections=inputs.detections, tolerance=inputs.parameters.evaluate.apk_tolerance)
        return {
            "section": self,
            "caption": caption,
            "metrics": metrics,
            "metrics_file": path,
            "categories": rows,
            "totals": self._totals(metrics, inputs.parameters) if metrics else [],
            "pairs": self._pairs(inputs),
        }

    def _pairs(self, inputs: SectionInputs) -> Sequence[Pair]:
        path = inputs.workspace.ground_truth_predictions(inputs.task)
        if self.pictures is None or inputs.val is None or not path.exists():
            return []
        results = read_results(path, inputs.val, inputs.answer, "instances")
        return make_pairs(inputs.val, results, self.pictures, inputs.parameters)

    def _totals(self, metrics: Mapping[str, Any], parameters: Parameters) -> list[Row]:
        """All categories together, and the baselines, whose K is `ablate.grid` or 1."""
        grid, top = parameters.train.grid, parameters.backbone.layers[-1]
        named = [
            (f"all: every block, K = {grid}", metrics),
            (f"all: only {top}, K = {parameters.ablate.grid}", metrics.get("baseline_top_layer")),
            ("all: every block, K = 1", metrics.get("baseline_k1")),
        ]
        return [(name, self._cells(row)) for name, row in named if row is not None]

    def _cells(self, values: Mapping[str, Any]) -> list[str]:
        return [column.text(values) for column in self.columns]
