"""Run-length codes behave like plain arrays; photographs of any mode become RGB, and broken ones are refused."""

import numpy as np
import pytest
from PIL import Image as Picture

from hypercolumns.annotations import masks
from hypercolumns.annotations.images import read_image, read_photograph
from hypercolumns.annotations.model import Image
from hypercolumns.errors import InputError


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


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK", "P", "RGBA", "1"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    """White is white in every mode that photographs have."""
    path = tmp_path / ("photo.jpg" if mode in ("L", "RGB", "CMYK") else "photo.png")
    Picture.new("RGB", (7, 5), (255, 255, 255)).convert(mode).save(path)
    picture = read_image(path)
    assert picture.shape == (5, 7, 3)
    assert picture.dtype == np.uint8
    assert picture.min() > 250


def test_unreadable_photographs_are_named(tmp_path):
    """Truncated, empty and missing files, other files and folders are refused by name."""
    noise = np.random.default_rng(0).integers(0, 255, (50, 50, 3), dtype=np.uint8)
    Picture.fromarray(noise).save(tmp_path / "good.jpg")
    good = (tmp_path / "good.jpg").read_bytes()
    for name, content in (("half.jpg", good[: len(good) // 2]), ("empty.jpg", b""), ("text.jpg", b"hello")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=f"{name} cannot be read"):
            read_image(tmp_path / name)
    with pytest.raises(InputError, match="does not exist"):
        read_image(tmp_path / "none.jpg")
    with pytest.raises(InputError, match="cannot be read"):
        read_image(tmp_path)


def test_a_photograph_must_have_the_size_of_its_annotation(tmp_path):
    """A photograph is returned unchanged if its size is as annotated, and refused otherwise."""
    path = tmp_path / "photo.png"
    Picture.new("RGB", (7, 5)).save(path)
    np.testing.assert_array_equal(read_photograph(path, Image(1, path.name, 7, 5)), read_image(path))
    with pytest.raises(InputError, match=r"photo\.png is 5 x 7 pixels, but its photograph is 7 x 5"):
        read_photograph(path, Image(1, path.name, 5, 7))
