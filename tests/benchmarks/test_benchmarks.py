"""Every benchmark runs, on sizes too small to time, and gives finite figures; the ways that it compares agree."""

import json
import math
from pathlib import Path

import pytest

from benchmarks import scaling, table
from benchmarks.__main__ import SUBJECTS
from benchmarks.figures import Figure, Goal, Section
from benchmarks.sizes import TINY


@pytest.mark.parametrize("subject", list(SUBJECTS))
def test_a_benchmark_gives_finite_figures(subject: str) -> None:
    section = SUBJECTS[subject](TINY)
    assert section.figures
    assert section.settings
    assert all(math.isfinite(figure.value) for figure in section.figures)
    names = [figure.name for figure in section.figures]
    assert len(set(names)) == len(names)
    if subject == "scoring":
        # Not a time: three implementations of the same heat maps.
        assert section.value("largest relative difference between the ways") <= 1e-5


def test_a_missed_goal_is_named_with_its_reason(tmp_path: Path) -> None:
    kept = Figure("kept", 2.0, "x", goal=Goal("at least", 1.5), reason="never shown")
    missed = Figure("missed", 2.0, "x", "1 of 2 MB/s", Goal("at most", 1.5), "the disk is slow")
    table.write_page(tmp_path / "page.md", [Section("Subject", "Settings.", (kept, missed), ("No GPU.",))], TINY)
    table.write_json(tmp_path / "results.json", [Section("Subject", "Settings.", (kept, missed))], TINY)
    page = (tmp_path / "page.md").read_text()
    assert "Goals met: 1 of 2." in page
    assert "- missed: 2 x, goal at most 1.5; the disk is slow." in page
    assert "never shown" not in page
    assert "- Not measured: No GPU." in page
    read = json.loads((tmp_path / "results.json").read_text())
    assert [figure["missed"] for figure in read["sections"][0]["figures"]] == [False, True]


def test_costs_of_data_sets_are_slopes_times_regions(tmp_path: Path) -> None:
    def section(name: str, value: float) -> Section:
        return Section("", "", (Figure(name, value, ""),))

    sections = {
        "store": section("EfficientNet-Lite0: stored bytes per region", 0.5),
        "extraction": section("EfficientNet-Lite0, CPU: regions per second", 100.0),
        "growth": section("train and predict, per region on one core", 3.6),
    }
    scaling.write_page(tmp_path / "scaling.md", sections, 2)
    last = next(line for line in (tmp_path / "scaling.md").read_text().splitlines() if "100 million regions |" in line)
    assert "| 100,000,000 | 50 TB | 35.5 TB |" in last
    assert "| 556 | 2.8 | 100 |" in last
