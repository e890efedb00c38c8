"""Run-length codes behave like plain arrays."""

import numpy as np
import pytest

from hypercolumns.annotations import masks


@pytest.fixture
def examples():
    """Masks from empty to full."""
    return np.random.default_rng(0).random((6, 23, 31)) < np.array([0, 0.05, 0.3, 0.7, 0.95, 1])[:, None, None]


def test_decoding_restores_the_encoded_mask(examples):
    """Encoding and decoding a mask keeps every pixel, the area and the size."""
    for mask in examples:
        code = masks.encode(mask)
        np.testing.assert_array_equal(masks.decode(code), mask)
        assert masks.area(code) == mask.sum()
        assert code["size"] == [23, 31]


def test_boxes_are_tight_and_exclude_their_end(examples):
    """Boxes equal the extent of the pixels; the box of an empty mask is zero."""
    for mask in examples[1:]:
        rows, columns = np.nonzero(mask)
        expected = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert masks.box(masks.encode(mask)) == expected
    assert masks.box(masks.encode(examples[0])) == (0, 0, 0, 0)


def test_unions_and_overlaps_equal_set_operations(examples):
    """Unions and overlaps of codes equal those of arrays, with and without crowds."""
    codes = [masks.encode(mask) for mask in examples]
    np.testing.assert_array_equal(masks.decode(masks.union(codes[:3])), examples[:3].any(axis=0))
    crowd = [False, True, False, True, False, True]
    overlaps = masks.iou(codes[1:], codes, crowd)
    for row, first in enumerate(examples[1:]):
        for column, second in enumerate(examples):
            total = first.sum() if crowd[column] else (first | second).sum()
            assert overlaps[row, column] == pytest.approx((first & second).sum() / total)
    assert masks.iou([], codes).shape == (0, 6)


def test_a_rectangle_on_pixel_borders_covers_its_pixels():
    """A polygon along pixel borders covers exactly the pixels inside."""
    code = masks.from_polygons([[3, 2, 9, 2, 9, 7, 3, 7]], 12, 14)
    expected = np.zeros((12, 14), dtype=bool)
    expected[2:7, 3:9] = True
    np.testing.assert_array_equal(masks.decode(code), expected)


@pytest.mark.parametrize("counts", ["o" * 10**6, "o" * 13 + "0", "\u00e9", "O", "1o"])
def test_malformed_codes_have_no_total(counts):
    """Numbers without end neither take time nor reach pycocotools, which reads 64 bits."""
    assert masks.run_total(counts) is None
