import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from hypercolumns.reporting.figures import LARGE, SMALL, Line, histogram, line_chart, precision_recall_chart


def parsed(svg):
    return ElementTree.fromstring(str(svg))  # noqa: S314 - written by the call before


def points(polyline):
    return np.array([[float(v) for v in point.split(",")] for point in polyline.get("points").split()])


@pytest.mark.parametrize("frame", [LARGE, SMALL])
def test_corners_of_the_unit_square_are_the_corners_of_the_plot(frame):
    svg = parsed(line_chart([Line("diagonal", [0, 1], [0, 1], "half")], "recall", "precision", frame))
    start, end = points(svg.find("polyline"))
    np.testing.assert_allclose(start, [frame.left, frame.height - frame.bottom])
    np.testing.assert_allclose(end, [frame.width - frame.right, frame.top])


def test_level_stretches_lose_points_but_not_their_shape():
    x, y = np.arange(101) / 100, np.repeat([0.8, 0.2], [40, 61])
    drawn = points(parsed(line_chart([Line("step", x, y, "half")], "recall", "precision")).find("polyline"))
    ends = [0, 39, 40, 100]
    np.testing.assert_allclose(drawn, [[LARGE.x(x[i]), LARGE.y(y[i])] for i in ends], atol=0.06)


def test_names_from_outside_cannot_break_out_of_the_chart():
    name = '</svg><script>alert("x")</script>'
    rows = [{"recall": r, "mean": 0.5, name: 0.5} for r in (0.0, 1.0)]
    svg = precision_recall_chart(rows, "mean")
    assert "<script" not in svg
    assert parsed(svg).find("polyline/title").text == name


def test_bars_of_the_histogram_are_as_high_as_their_counts():
    values = [0.01, 0.02, 0.51, 0.99, 1.0]
    bars = parsed(histogram(values, marks=(0.5,))).findall("rect")
    heights = np.array([float(bar.get("height")) for bar in bars])
    expected = np.histogram(values, bins=20, range=(0, 1))[0]
    np.testing.assert_allclose(heights / heights.max(), expected / 2, atol=1e-3)
    assert bars[0].find("title").text == "IoU 0.00 to 0.05: 2"
