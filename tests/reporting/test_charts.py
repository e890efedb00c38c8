"""Charts: scales, shapes and escaping of the SVG."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from hypercolumns.reporting.charts import LARGE, SMALL, Curve, curve_chart, histogram, precision_recall_chart


def parse(svg):
    return ElementTree.fromstring(str(svg))  # noqa: S314 - our own output


def points(polyline):
    return np.array([[float(v) for v in point.split(",")] for point in polyline.get("points").split()])


@pytest.mark.parametrize("frame", [LARGE, SMALL])
def test_the_unit_square_fills_the_plot(frame):
    svg = parse(curve_chart([Curve("diagonal", [0, 1], [0, 1], "half")], frame))
    start, end = points(svg.find("polyline"))
    np.testing.assert_allclose(start, [frame.left, frame.height - frame.bottom])
    np.testing.assert_allclose(end, [frame.width - frame.right, frame.top])


def test_leaving_out_points_of_level_stretches_keeps_their_shape():
    x, y = np.arange(101) / 100, np.repeat([0.8, 0.2], [40, 61])
    drawn = points(parse(curve_chart([Curve("step", x, y, "half")])).find("polyline"))
    corners = [0, 39, 40, 100]
    np.testing.assert_allclose(drawn, [[LARGE.x(x[i]), LARGE.y(y[i])] for i in corners], atol=0.06)


def test_category_names_are_escaped():
    name = '</svg><script>alert("x")</script>'
    rows = [{"recall": r, "mean": 0.5, name: 0.5} for r in (0.0, 1.0)]
    svg = precision_recall_chart(rows, "mean")
    assert "<script" not in svg
    assert parse(svg).find("polyline/title").text == name


def test_heights_of_histogram_bars_are_proportional_to_counts():
    values = [0.01, 0.02, 0.51, 0.99, 1.0]
    bars = parse(histogram(values, marks=(0.5,))).findall("rect")
    heights = np.array([float(bar.get("height")) for bar in bars])
    expected = np.histogram(values, bins=20, range=(0, 1))[0]
    np.testing.assert_allclose(heights / heights.max(), expected / 2, atol=1e-3)
    assert bars[0].find("title").text == "IoU 0.00 to 0.05: 2"
