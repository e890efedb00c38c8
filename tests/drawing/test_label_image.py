"""Label images: the better mask wins, and files hold the numbers."""

import numpy as np
import pytest
from PIL import Image

from hypercolumns.annotations import masks
from hypercolumns.annotations.label_images import read_numbers
from hypercolumns.drawing.label_image import colour_map, label_image, save_label_png


def random_masks(count, height=20, width=30):
    rng = np.random.default_rng(count)
    return [rng.random((height, width)) < 0.1 for _ in range(count)]


@pytest.mark.parametrize("count", [0, 1, 7, 254, 255, 400])
def test_a_pixel_belongs_to_the_first_mask_that_has_it(count):
    """Computed pixel by pixel: argmax finds the first."""
    stack = np.array(random_masks(count), dtype=bool).reshape(count, 20, 30)
    expected = np.where(stack.any(axis=0), stack.argmax(axis=0) + 1, 0) if count else np.zeros((20, 30))
    labels = label_image([masks.encode(m) for m in stack], 20, 30)
    assert np.array_equal(labels, expected)
    assert labels.dtype == (np.uint8 if count <= 254 else np.uint16)


@pytest.mark.parametrize("count", [3, 254, 300])
def test_a_png_holds_the_numbers(count, tmp_path):
    labels = label_image([masks.encode(m) for m in random_masks(count)], 20, 30)
    save_label_png(tmp_path / "labels.png", labels)
    with Image.open(tmp_path / "labels.png") as image:
        assert image.mode == ("P" if count <= 254 else "I;16")
        assert np.array_equal(np.asarray(image), labels)
        if image.mode == "P":
            assert np.array_equal(np.asarray(image.convert("RGB")), colour_map()[labels])
            assert np.array_equal(read_numbers(tmp_path / "labels.png"), labels)


def test_an_empty_label_image_is_written(tmp_path):
    save_label_png(tmp_path / "labels.png", label_image([], 1, 1))
    assert Image.open(tmp_path / "labels.png").size == (1, 1)


def test_the_first_colours_are_vocs():
    assert colour_map()[:4].tolist() == [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    assert colour_map().shape == (256, 3)


def test_unusable_arguments_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"Mask 1 has height and width \[4, 5\], not \[5, 4\]"):
        label_image([masks.empty(5, 4), masks.empty(4, 5)], 5, 4)
    with pytest.raises(ValueError, match="65535"):
        label_image([masks.empty(1, 1)] * 65536, 1, 1)
    with pytest.raises(ValueError, match="float64"):
        save_label_png(tmp_path / "labels.png", np.zeros((3, 3)))
