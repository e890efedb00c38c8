"""What the evaluation of any task comes to: metrics, their headline, plot data and a table to read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hypercolumns.annotations.results import Results

DECIMALS = 4
"""Of every figure that is kept: more would only make files differ for nothing."""


@dataclass(frozen=True)
class Answers:
    """The predictions of one task, and the detections whose boxes they were made in."""

    in_detections: Results
    in_instances: Results
    """Predictions in the boxes of annotated instances."""
    detections: Results


@dataclass(frozen=True)
class Judgement:
    """The verdict on one task; its figures are `rounded`, once, before anything is said or drawn of them."""

    metrics: Mapping[str, Any]
    """Content of `metrics/<task>.json`."""
    summary: Mapping[str, Any]
    """The headline, for `dvc metrics show` and `diff`, and what is said of baselines."""
    plots: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    """Rows by the name of the plot."""
    table: str = ""


def rounded(content: Any) -> Any:
    """Dictionaries and lists with their numbers to `DECIMALS`; what shows fewer starts from these, wherever it is."""
    if isinstance(content, Mapping):
        return {key: rounded(value) for key, value in content.items()}
    if isinstance(content, Sequence) and not isinstance(content, str):
        return [rounded(value) for value in content]
    return round(content, DECIMALS) if isinstance(content, float) else content


def table(rows: Mapping[str, Sequence[str]], titles: Sequence[str], note: str) -> str:
    """Named rows of cells under `titles`, as text, a note below."""
    name_width = max(len(name) for name in rows)
    widths = [max(len(cell) for cell in column) + 2 for column in zip(titles, *rows.values(), strict=True)]
    lines = [
        f"{name:{name_width}}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        for name, cells in [("", titles), *rows.items()]
    ]
    return "\n".join([*lines, note])


def number(value: float | None, digits: int) -> str:
    """A value of a table; a dash where nothing counts."""
    return "-" if value is None else f"{value:.{digits}f}"


def with_baselines(metrics: Mapping[str, Any], baselines: Mapping[str, Judgement]) -> dict[str, Any]:
    """The metrics of a task with the headline of every baseline as `baseline_<name>`."""
    return {**metrics, **{f"baseline_{name}": dict(judged.summary) for name, judged in baselines.items()}}
