"""Accuracy and cost of networks and layers, as a table in Markdown or CSV, and as a chart in an SVG file."""

import csv
import io
import math
from collections.abc import Callable, Sequence
from itertools import chain

from markupsafe import Markup

from hypercolumns.evaluation.judgement import number
from hypercolumns.evaluation.trade_offs import TradeOff
from hypercolumns.reporting.charts import Frame, axis_titles, tick

_PANEL = Frame(width=400, height=300, left=52, bottom=42, right=16, top=12)
_LINE = 18
"""Height of a line of the key below the panels."""

_STYLE = Markup(
    "<style>text{font-family:sans-serif;font-size:12px;fill:#444}.tick{font-size:11px}.grid{stroke:#ddd}"
    ".error{stroke:#0b6b72;stroke-width:1.5}circle{fill:#0b6b72}.number{font-weight:bold;fill:#111}</style>"
)
_MAX_TICKS = 8

_COLUMNS = (
    *("name", "backbone", "weights", "layers", "input_size", "bytes_per_region", "milliseconds_per_region"),
    *("mean_iou", "mean_iou_standard_error", "above_70", "difference", "difference_standard_error"),
)


def as_markdown(rows: Sequence[TradeOff], note: str) -> str:
    """Make a table in Markdown, with the numbers of the chart, and a note below it."""
    title = (
        "| | | network | weights | layers | px | kB per region | ms per region | mean IoU | above .7 "
        "| difference to the first |"
    )
    lines = [title, "|---|---|---|---|---|---|---|---|---|---|---|"]
    for position, row in enumerate(rows, 1):
        network = row.network
        difference = "" if position == 1 else f"{row.difference:+.3f}{_bracketed(row.difference_error)}"
        cells = (
            *(str(position), network.name, network.backbone, network.weights),
            *(", ".join(network.layers), str(network.input_size)),
            *(f"{network.bytes / 1e3:.1f}", f"{network.milliseconds:.1f}"),
            *(f"{row.mean_iou:.3f}{_bracketed(row.standard_error)}", f"{row.above_70:.3f}", difference),
        )
        lines.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return "\n".join([*lines, "", note, ""])


def as_csv(rows: Sequence[TradeOff]) -> str:
    """Make a table as CSV, with a header, unrounded."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in rows:
        network = row.network
        writer.writerow(
            [
                *(network.name, network.backbone, network.weights, " ".join(network.layers), network.input_size),
                *(network.bytes, network.milliseconds),
                *(row.mean_iou, row.standard_error, row.above_70, row.difference, row.difference_error),
            ]
        )
    return text.getvalue()


def chart(rows: Sequence[TradeOff]) -> Markup:
    """Draw mean IoU with its standard errors over bytes and over milliseconds, both on logarithmic axes."""
    width, height = 2 * _PANEL.width, _PANEL.height + _LINE * (len(rows) + 1)
    key = [
        Markup('<text x="{:g}" y="{:g}"><tspan class="number">{}</tspan> {}</text>').format(
            _PANEL.left, _PANEL.height + _LINE * position, position, _label(row)
        )
        for position, row in enumerate(rows, 1)
    ]
    panels = [
        _panel(rows, "kB per region", lambda row: row.network.bytes / 1e3, 0),
        _panel(rows, "ms per region", lambda row: row.network.milliseconds, _PANEL.width),
    ]
    head = Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {:g} {:g}" role="img" aria-label="{}">{}'
        '<rect width="100%" height="100%" fill="#fff"/>'
    ).format(width, height, "accuracy over bytes and over milliseconds", _STYLE)
    return head + Markup("").join([*panels, *key]) + Markup("</svg>\n")


def _label(row: TradeOff) -> str:
    """The name of a network, and that it was not trained, which explains its place."""
    return f"{row.network.name} (random weights)" if row.network.weights == "random" else row.network.name


def _panel(rows: Sequence[TradeOff], title: str, cost: Callable[[TradeOff], float], left: float) -> Markup:
    costs = [cost(row) for row in rows]
    low, high = math.log(min(costs) / 1.3), math.log(max(costs) * 1.3)
    parts = [
        tick(_PANEL, "x", (math.log(value) - low) / (high - low), f"{value:g}")
        for value in _round_values(math.exp(low), math.exp(high))
    ]
    values = _levels(rows)
    bottom, top = values[0], values[-1]
    parts += [tick(_PANEL, "y", (value - bottom) / (top - bottom), f"{value:.2f}") for value in values]
    for position, (row, value) in enumerate(zip(rows, costs, strict=True), 1):
        error = row.standard_error or 0
        x = _PANEL.x((math.log(value) - low) / (high - low))
        y, upper, lower = (
            _PANEL.y((mean - bottom) / (top - bottom))
            for mean in (row.mean_iou, row.mean_iou + error, row.mean_iou - error)
        )
        parts.append(
            Markup(
                "<g><title>{}: {}, {:.3g} {}</title>"
                '<line class="error" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>'
                '<circle cx="{:.1f}" cy="{:.1f}" r="4"/><text class="number" x="{:.1f}" y="{:.1f}">{}</text></g>'
            ).format(
                *(_label(row), number(row.mean_iou, 3), value, title),
                *(x, x, upper, lower, x, y, x + 6, y - 6, position),
            )
        )
    parts.append(axis_titles(_PANEL, title, "mean IoU in ground-truth boxes"))
    return Markup('<g transform="translate({:g} 0)">').format(left) + Markup("").join(parts) + Markup("</g>")


def _round_values(low: float, high: float) -> list[float]:
    """Values 1, 2 and 5 times a power of ten between two bounds."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [v for v in chain.from_iterable((10.0**p, 2 * 10.0**p, 5 * 10.0**p) for p in powers) if low <= v <= high]


def _levels(rows: Sequence[TradeOff]) -> list[float]:
    """Values at equal distances that reach beyond all means and their standard errors."""
    low = min(row.mean_iou - (row.standard_error or 0) for row in rows)
    high = max(row.mean_iou + (row.standard_error or 0) for row in rows)
    step = next(s for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if (high - low) / s <= _MAX_TICKS - 2)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(step * n, 2) for n in range(first, max(last, first + 1) + 1)]


def _bracketed(error: float | None) -> str:
    return "" if error is None else f" ({error:.3f})"
