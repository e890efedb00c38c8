"""The comparison of proposals with selective search runs in the folder of a pipeline."""

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.candidates import BUDGETS, OVERLAPS, best_overlaps, main, selective_search
from hypercolumns.annotations.model import Instance
from tests.trained_projects import TrainedProject


def test_more_boxes_find_more(warped: TrainedProject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(warped.folder)
    done = CliRunner().invoke(main, ["--photographs", "2"], catch_exceptions=False)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines()[2:]]
    assert [row[0] for row in rows[:: len(BUDGETS)]] == ["ours", "selective search, fast", "selective search, quality"]
    recalls = np.array([[float(cell) for cell in row[2:-1]] for row in rows]).reshape(3, len(BUDGETS), len(OVERLAPS))
    assert (np.diff(recalls, axis=1) >= 0).all()
    assert (np.diff(recalls, axis=2) <= 0).all()
    assert recalls[0, -1, 0] > 0


def test_boxes_are_corners_in_the_photograph() -> None:
    photograph = np.zeros((60, 80, 3), np.uint8)
    photograph[20:40, 30:60] = 200
    boxes = selective_search(photograph, quality=False)
    assert (boxes[:, :2] < boxes[:, 2:]).all()
    assert (boxes.max(axis=0) <= [80, 60, 80, 60]).all()
    object_ = Instance(1, 1, 1, None, (30.0, 20.0, 60.0, 40.0), 600.0)
    assert best_overlaps(boxes, [object_])[-1, 0] > 0.8
