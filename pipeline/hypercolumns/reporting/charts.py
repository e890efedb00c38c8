"""Charts as inline SVG, with colours and fonts from the style sheet so that they follow the light and dark themes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from markupsafe import Markup
from numpy.typing import ArrayLike

Rows = Sequence[Mapping[str, float]]
"""One row per recall, with key `recall` and one key per category and for the mean: the precision."""


@dataclass(frozen=True)
class Curve:
    """Precision over recall, both in 0..1; `style` is a class of the style sheet."""

    label: str
    recall: Sequence[float]
    precision: Sequence[float]
    style: str

    @classmethod
    def of(cls, rows: Rows, key: str, style: str, label: str | None = None) -> "Curve":
        """Take the precision from column `key`, which is also the default of the label."""
        return cls(label or key, [row["recall"] for row in rows], [row[key] for row in rows], style)


@dataclass(frozen=True)
class Frame:
    """Size of a chart and the margins around its plot, in units of the SVG's view box."""

    width: float
    height: float
    left: float
    bottom: float
    right: float = 8
    top: float = 8

    def x(self, share: float) -> float:
        """Map 0..1 to the horizontal axis."""
        return self.left + share * (self.width - self.left - self.right)

    def y(self, share: float) -> float:
        """Map 0..1 to the vertical axis."""
        return self.height - self.bottom - share * (self.height - self.bottom - self.top)


LARGE = Frame(width=420, height=320, left=46, bottom=42)
SMALL = Frame(width=170, height=128, left=24, bottom=20)
TENTHS, HALVES = ("0.0", "0.2", "0.4", "0.6", "0.8", "1.0"), ("0", "0.5", "1")
"""Labels of the ticks of an axis from 0 to 1."""


def curve_chart(curves: Sequence[Curve], frame: Frame = LARGE) -> Markup:
    """Draw curves over the unit square with a grid and, on a large frame, axis titles; later curves are on top."""
    labels = TENTHS if frame is LARGE else HALVES
    parts = [tick(frame, axis, float(label), label) for axis in "xy" for label in labels]
    parts += [_polyline(frame, curve) for curve in curves]
    if frame is LARGE:
        parts.append(axis_titles(frame, "recall", "precision"))
    return _svg(frame, f"precision over recall: {', '.join(dict.fromkeys(curve.label for curve in curves))}", parts)


def precision_recall_chart(rows: Rows, mean: str) -> Markup:
    """Draw the precision of each category as a thin line and that of column `mean` as a strong one."""
    names = [name for name in rows[0] if name not in ("recall", mean)]
    return curve_chart([*(Curve.of(rows, name, "thin") for name in names), Curve.of(rows, mean, "strong")])


def histogram(values: ArrayLike, marks: Sequence[float]) -> Markup:
    """Draw a histogram of values in 0..1, with `marks` as vertical lines."""
    frame = Frame(width=560, height=200, left=40, bottom=40)
    counts, edges = np.histogram(values, bins=20, range=(0.0, 1.0))
    top = max(int(counts.max()), 1)
    parts = [tick(frame, "x", float(label), label) for label in TENTHS]
    parts += [tick(frame, "y", 0, "0"), tick(frame, "y", 1, str(top))]
    bar = Markup('<rect class="bar" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"><title>{}</title></rect>')
    for count, (left, right) in zip(counts, pairwise(edges), strict=True):
        x0, x1, y = frame.x(left), frame.x(right), frame.y(count / top)
        parts.append(bar.format(x0 + 1, y, x1 - x0 - 2, frame.y(0) - y, f"IoU {left:.2f} to {right:.2f}: {count}"))
    line = Markup('<line class="mark" x1="{0:.1f}" x2="{0:.1f}" y1="{1:.1f}" y2="{2:.1f}"/>')
    parts += [line.format(frame.x(mark), frame.y(0), frame.y(1)) for mark in marks]
    parts.append(axis_titles(frame, "mask IoU", "instances"))
    return _svg(frame, "histogram of mask IoU", parts)


def _svg(frame: Frame, label: str, parts: Sequence[Markup]) -> Markup:
    head = Markup('<svg class="chart" viewBox="0 0 {:g} {:g}" role="img" aria-label="{}">').format(
        frame.width, frame.height, label
    )
    return head + Markup("").join(parts) + Markup("</svg>")


def tick(frame: Frame, axis: str, share: float, label: str) -> Markup:
    """Draw a grid line across the plot and its label."""
    if axis == "x":
        x0 = x1 = frame.x(share)
        y0, y1 = frame.y(0), frame.y(1)
        position, anchor = (x0, y0 + 14), "middle"
    else:
        x0, x1 = frame.x(0), frame.x(1)
        y0 = y1 = frame.y(share)
        position, anchor = (x0 - 6, y0 + 4), "end"
    return Markup(
        '<line class="grid" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>'
        '<text class="tick" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>'
    ).format(x0, x1, y0, y1, *position, anchor, label)


def axis_titles(frame: Frame, x_title: str, y_title: str) -> Markup:
    """Draw the titles of both axes."""
    middle = (frame.y(0) + frame.y(1)) / 2
    return Markup(
        '<text class="axis" x="{:.1f}" y="{:.1f}" text-anchor="middle">{}</text>'
        '<text class="axis" transform="translate(11 {:.1f}) rotate(-90)" text-anchor="middle">{}</text>'
    ).format(frame.x(0.5), frame.height - 6, x_title, middle, y_title)


def _polyline(frame: Frame, curve: Curve) -> Markup:
    """Draw a curve, without the inner points of its level stretches."""
    y = list(curve.precision)
    kept = [i for i in range(len(y)) if i in (0, len(y) - 1) or not y[i - 1] == y[i] == y[i + 1]]
    points = " ".join(f"{frame.x(curve.recall[i]):.1f},{frame.y(y[i]):.1f}" for i in kept)
    line = Markup('<polyline class="line {}" points="{}"><title>{}</title></polyline>')
    return line.format(curve.style, points, curve.label)
