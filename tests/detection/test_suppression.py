"""Non-maximum suppression follows its definition."""

import numpy as np
import pytest

from hypercolumns.detection.detector import suppress
from hypercolumns.regions.boxes import iou


def _boxes(rng: np.random.Generator, n: int) -> np.ndarray:
    corner = rng.uniform(0, 60, (n, 2))
    return np.concatenate([corner, corner + rng.uniform(5, 40, (n, 2))], axis=1)


@pytest.mark.parametrize("overlap", [0.0, 0.3, 0.7, 1.0])
def test_suppression_equals_the_definition(overlap: float) -> None:
    """From best to worst, a box is kept unless it overlaps a kept one too much."""
    rng = np.random.default_rng(3)
    boxes, scores = _boxes(rng, 80), rng.integers(0, 30, 80) / 30  # with ties
    kept: list[int] = []
    for row in sorted(range(80), key=lambda r: (-scores[r], r)):
        if all(iou(boxes[row], boxes[other])[0, 0] <= overlap for other in kept):
            kept.append(row)
    assert suppress(boxes, scores, overlap).tolist() == kept
    assert suppress(boxes, scores, overlap, limit=5).tolist() == kept[:5]


def test_of_equal_boxes_and_scores_the_first_is_kept() -> None:
    """Among equal scores the earlier row is the better one."""
    assert suppress([[0, 0, 5, 5]] * 3, [0.5, 0.9, 0.9], 0.5).tolist() == [1]


def test_no_boxes_give_no_rows() -> None:
    """An empty array is not an error."""
    assert suppress(np.zeros((0, 4)), [], 0.3).tolist() == []
