"""Non-maximum suppression against its definition."""

import numpy as np
import pytest

from hypercolumns.detection.suppression import suppress
from hypercolumns.regions.boxes import iou


def _boxes(rng: np.random.Generator, n: int) -> np.ndarray:
    corner = rng.uniform(0, 60, (n, 2))
    return np.concatenate([corner, corner + rng.uniform(5, 40, (n, 2))], axis=1)


@pytest.mark.parametrize("overlap", [0.0, 0.3, 0.7, 1.0])
def test_suppression_equals_the_definition(overlap: float) -> None:
    """Going through the boxes from best to worst, each stays unless a better one that stays overlaps it too much."""
    rng = np.random.default_rng(3)
    boxes, scores = _boxes(rng, 80), rng.integers(0, 30, 80) / 30  # with ties
    kept: list[int] = []
    for row in sorted(range(80), key=lambda r: (-scores[r], r)):
        if all(iou(boxes[row], boxes[other])[0, 0] <= overlap for other in kept):
            kept.append(row)
    assert suppress(boxes, scores, overlap).tolist() == kept
    assert suppress(boxes, scores, overlap, limit=5).tolist() == kept[:5]


def test_equal_boxes_keep_the_first() -> None:
    assert suppress([[0, 0, 5, 5]] * 3, [0.5, 0.9, 0.9], 0.5).tolist() == [1]


def test_nothing_in_nothing_out() -> None:
    assert suppress(np.zeros((0, 4)), [], 0.3).tolist() == []
