"""The outcome of evaluating any task: metrics, their headline, plot data and a table for the terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypercolumns.annotations.results import Results

DECIMALS = 4
"""Decimals of every stored value; more would cause spurious differences between files."""


@dataclass(frozen=True)
class Answers:
    """Predictions of one task, and the detections that some of them were made for."""

    in_detections: Results
    """Predictions in detected boxes."""
    in_instances: Results
    """Predictions in the boxes of annotated instances."""
    detected_boxes: Results
    """The detected boxes themselves."""


@dataclass(frozen=True)
class Judgement:
    """Evaluation of one task; whoever makes it rounds all values with `rounded`."""

    metrics: Mapping[str, Any]
    """Content of `metrics/<task>.json`."""
    summary: Mapping[str, Any]
    """Headline values, which `dvc metrics show` and `dvc metrics diff` print and baselines are compared by."""
    plots: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """Rows of plot data by the name of the plot."""
    table: str = ""
    """Table for the terminal."""


def rounded(content: Any) -> Any:
    """Round the floats in nested mappings and sequences to `DECIMALS`.

    Whatever shows fewer digits starts from these values, so that a metric reads the same everywhere.

    Examples
    --------
    >>> rounded({"iou": [0.123456, None], "instances": 3})
    {'iou': [0.1235, None], 'instances': 3}
    """
    if isinstance(content, Mapping):
        return {key: rounded(value) for key, value in content.items()}
    if isinstance(content, Sequence) and not isinstance(content, str):
        return [rounded(value) for value in content]
    return round(content, DECIMALS) if isinstance(content, float) else content


def table(rows: Mapping[str, Sequence[str]], titles: Sequence[str], note: str) -> str:
    """Align named rows of cells under their titles as plain text, with a note below.

    Examples
    --------
    >>> print(table({"cat": ["1.5"], "all": ["10.0"]}, ["AP"], "In points."))
           AP
    cat   1.5
    all  10.0
    In points.
    """
    name_width = max(len(name) for name in rows)
    widths = [max(len(cell) for cell in column) + 2 for column in zip(titles, *rows.values(), strict=True)]
    lines = [
        f"{name:{name_width}}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        for name, cells in [("", titles), *rows.items()]
    ]
    return "\n".join([*lines, note])


def category_table(rows: Mapping[str, Mapping[str, Any]], columns: Mapping[str, tuple[str, int]], note: str) -> str:
    """Make a `table` of metrics, one row per category.

    Parameters
    ----------
    rows
        Metrics by the name of the category.
    columns
        For each title, the name of a metric and its decimals. A metric that a category lacks is a dash.
    note
        Text below the table.

    Examples
    --------
    >>> print(category_table({"cat": {"ap": 1.53}, "all": {"ap": None}}, {"AP": ("ap", 1)}, "In points."))
          AP
    cat  1.5
    all    -
    In points.
    """
    cells = {name: [number(m.get(key), digits) for key, digits in columns.values()] for name, m in rows.items()}
    return table(cells, list(columns), note)


def number(value: float | None, digits: int) -> str:
    """Format a value for a table; None becomes a dash.

    Examples
    --------
    >>> number(0.4525, 3), number(None, 3)
    ('0.453', '-')
    """
    return "-" if value is None else f"{value:.{digits}f}"


def with_baselines(metrics: Mapping[str, Any], baselines: Mapping[str, Judgement]) -> dict[str, Any]:
    """Add the headline of every baseline to the metrics of a task, as `baseline_<name>`."""
    return {**metrics, **{f"baseline_{name}": dict(judged.summary) for name, judged in baselines.items()}}
