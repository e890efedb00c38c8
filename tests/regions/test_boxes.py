"""Box arithmetic treats boxes as x0, y0, x1, y1 in pixels, end-exclusive."""

import numpy as np
import pytest

from hypercolumns.regions import boxes

RNG = np.random.default_rng(0)
RANDOM_BOXES = np.sort(RNG.integers(0, 30, (40, 2, 2)), axis=1).reshape(40, 4).astype(float)


def test_iou_equals_counting_pixels() -> None:
    def pixels(box: np.ndarray) -> np.ndarray:
        mask = np.zeros((30, 30), dtype=bool)
        x0, y0, x1, y1 = box.astype(int)
        mask[y0:y1, x0:x1] = True
        return mask

    masks = np.array([pixels(box) for box in RANDOM_BOXES]).reshape(40, -1).astype(int)
    both = masks @ masks.T
    either = masks.sum(1)[:, None] + masks.sum(1)[None] - both
    np.testing.assert_allclose(
        boxes.iou(RANDOM_BOXES, RANDOM_BOXES), np.where(either > 0, both / np.maximum(either, 1), 0)
    )


def test_an_empty_box_overlaps_nothing() -> None:
    assert boxes.area([3, 3, 3, 9]) == 0
    assert boxes.area([5, 5, 2, 2]) == 0
    assert boxes.iou([[0, 0, 0, 0]], [[0, 0, 0, 0]]).item() == 0


def test_expanding_keeps_the_centre_and_scales_both_sides() -> None:
    assert boxes.expand([10, 20, 20, 60], 1.5).tolist() == [7.5, 10, 22.5, 70]


def test_conversion_to_and_from_coco_is_lossless() -> None:
    np.testing.assert_array_equal(boxes.from_coco(boxes.to_coco(RANDOM_BOXES)), RANDOM_BOXES)
    assert boxes.to_coco([1, 2, 4, 8]).tolist() == [1, 2, 3, 6]


def test_clipping_keeps_boxes_inside_the_photograph() -> None:
    assert boxes.clip([-3, 4, 50, 60], width=40, height=30).tolist() == [0, 4, 40, 30]


@pytest.mark.parametrize("share", [0.0, 0.1])
def test_jitter_moves_sides_by_up_to_the_share(share: float) -> None:
    box = np.tile([10.0, 20.0, 50.0, 40.0], (500, 1))
    moved = boxes.jitter(box, share, np.random.default_rng(1))
    size = np.array([40, 20, 40, 20])
    assert np.all(np.abs(moved - box) <= share * size)
    if share:
        assert np.ptp(moved[:, 0]) > 1.5 * share * 40
