"""The comparison of networks as a table and as a chart."""

import csv
import io
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from hypercolumns.evaluation.trade_offs import ComparedNetwork, TradeOff
from hypercolumns.reporting.trade_offs import as_csv, as_markdown, chart

SVG = "{http://www.w3.org/2000/svg}"


def row(name: str, size: int, milliseconds: float, iou: float, error: float | None = 0.01) -> TradeOff:
    layers = ("layer2", "layer3")
    network = ComparedNetwork(name, "timm:resnet18", layers, 224, "random", size, milliseconds, 10, np.array([iou]))
    return TradeOff(network, iou, error, 0.5, iou - 0.6, None if error is None else error / 2)


ROWS = [row("small | fast", 20_000, 2.5, 0.6), row("middle", 200_000, 5.0, 0.65), row("<large>", 2_000_000, 40.0, 0.7)]


def test_the_table_has_a_row_per_network_and_compares_with_the_first() -> None:
    lines = as_markdown(ROWS, "The note.").splitlines()
    assert lines[2] == (
        "| 1 | small / fast | timm:resnet18 | random | layer2, layer3 | 224 | 20.0 | 2.5 | 0.600 (0.010) | 0.500 |  |"
    )
    assert lines[4].endswith("| 2000.0 | 40.0 | 0.700 (0.010) | 0.500 | +0.100 (0.005) |")
    assert len({line.count("|") for line in lines[:5]}) == 1
    assert lines[-1] == "The note."


def test_csv_gives_the_numbers_back() -> None:
    read = list(csv.DictReader(io.StringIO(as_csv(ROWS))))
    assert [line["name"] for line in read] == ["small | fast", "middle", "<large>"]
    assert [int(line["bytes_per_region"]) for line in read] == [20_000, 200_000, 2_000_000]
    assert [float(line["mean_iou"]) for line in read] == [0.6, 0.65, 0.7]


@pytest.mark.parametrize("rows", [ROWS, ROWS[:1], [row("alone", 100, 1.0, 0.5, None)], [row("same", 9, 9.0, 0.5)] * 2])
def test_points_lie_inside_their_panel_in_the_order_of_their_values(rows: list[TradeOff]) -> None:
    svg = ElementTree.fromstring(str(chart(rows)))  # noqa: S314 - our own output
    panels = svg.findall(f"{SVG}g")
    assert len(panels) == 2
    for panel in panels:
        points = [(float(c.get("cx")), float(c.get("cy"))) for c in panel.iter(f"{SVG}circle")]
        assert len(points) == len(rows)
        x, y = np.array(points).T
        assert ((x > 50) & (x < 390) & (y > 10) & (y < 260)).all()
        assert (np.diff(x) >= 0).all()
        assert (np.diff(y) <= 0).all()
    texts = [text for element in svg.iter(f"{SVG}text") for text in element.itertext()]
    assert all(any(row.network.name in text for text in texts) for row in rows)


def test_axes_of_costs_are_logarithmic() -> None:
    """Ten times the bytes are the same distance everywhere."""
    svg = ElementTree.fromstring(str(chart(ROWS)))  # noqa: S314 - our own output
    x = [float(circle.get("cx")) for circle in svg.find(f"{SVG}g").iter(f"{SVG}circle")]
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=0.2)
