"""Label images: numbers are read from every mode that can hold them, colours are decoded, others are refused."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from hypercolumns.annotations.label_images import VOC_COLOURS, read_classes, read_numbers
from hypercolumns.errors import InputError
from tests.annotations.voc_scenes import bits_of, coloured, palette, save

LABELS = np.array([[0, 1, 1, 2], [0, 3, 255, 2], [0, 0, 255, 0]], dtype=np.uint8)
COLOURS = {(0, 0, 0): 0, (250, 50, 83): 1, (51, 221, 255): 2, (9, 9, 9): 3, (224, 224, 192): 255}
COLOURS_OF = {value: colour for colour, value in COLOURS.items()}


def write_grey_png(path, samples, depth):
    """Write a grey PNG of 1, 2, 4 or 8 bits per pixel, which Pillow cannot."""

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width = samples.shape
    bits = np.unpackbits(samples[:, :, None], axis=2)[:, :, -depth:].reshape(height, -1)
    rows = b"".join(b"\0" + row.tobytes() for row in np.packbits(bits, axis=1))
    header = struct.pack(">IIBBBBB", width, height, depth, 0, 0, 0, 0)
    content = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "JPEG", "quality": 100}, "is stored as JPEG, which may change values"),
        ({"format": "WEBP"}, "is stored as WEBP, which may change values"),
        ({"format": "TIFF", "compression": "jpeg"}, "is stored as jpeg, which may change values"),
        ({"format": "PNG", "save_all": True, "append_images": [Image.new("L", (4, 3), 9)]}, "has several frames"),
        ({"format": "TIFF", "save_all": True, "append_images": [Image.new("L", (4, 3), 9)]}, "has several frames"),
    ],
)
def test_masks_that_may_mean_something_else_are_refused(tmp_path, options, message):
    """Whatever the suffix says."""
    Image.fromarray(LABELS).save(tmp_path / "a.png", **options)
    with pytest.raises(InputError, match=rf"a\.png {message}"):
        read_numbers(tmp_path / "a.png")


def test_no_damaged_byte_of_a_png_changes_a_mask_silently(tmp_path):
    """Pillow does not compare the checksum of the pixels."""
    path = tmp_path / "a.png"
    Image.fromarray(LABELS).save(path)
    good, refused = path.read_bytes(), 0
    for position in range(len(good)):
        path.write_bytes(good[:position] + bytes([good[position] ^ 0x10]) + good[position + 1 :])
        try:
            np.testing.assert_array_equal(read_numbers(path), LABELS)
        except InputError:
            refused += 1
    assert refused > len(good) / 2


@pytest.mark.parametrize(
    ("convert", "suffix"),
    [
        (palette, "png"),
        (palette, "bmp"),
        (Image.fromarray, "png"),
        (Image.fromarray, "tif"),
        (lambda labels: Image.fromarray(labels).convert("LA"), "png"),
        (lambda labels: Image.fromarray(labels.astype(np.uint16)), "png"),
        (lambda labels: Image.fromarray(labels.astype(np.int32)), "tif"),
        (coloured(), "png"),
        (coloured(), "tif"),
        (lambda labels: coloured()(labels).convert("RGBA"), "png"),
    ],
)
def test_numbers_do_not_depend_on_how_they_are_stored(tmp_path, convert, suffix):
    """Palette, grey of 8, 16 and 32 bits, with alpha, and VOC's colours give the numbers that were drawn."""
    path = tmp_path / f"mask.{suffix}"
    save(convert(LABELS), path)
    np.testing.assert_array_equal(read_numbers(path), LABELS)
    np.testing.assert_array_equal(read_classes(path, {}, ""), LABELS)


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_small_depths_hold_the_stored_numbers(tmp_path, depth):
    """A grey PNG of few bits gives the numbers in the file, which Pillow scales."""
    labels = (np.arange(16).reshape(2, 8) % 2**depth).astype(np.uint8)
    write_grey_png(tmp_path / "mask.png", labels, depth)
    np.testing.assert_array_equal(read_numbers(tmp_path / "mask.png"), labels)


def test_all_of_voc_s_colours_are_decoded(tmp_path):
    """Each of the 256 colours of VOC gives its number."""
    labels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    assert {bits_of(value): value for value in range(256)} == VOC_COLOURS
    save(coloured()(labels), tmp_path / "mask.png")
    np.testing.assert_array_equal(read_numbers(tmp_path / "mask.png"), labels)


def test_indices_count_and_not_the_palette_if_no_colours_are_named(tmp_path):
    """Without colours of classes, the palette does not matter."""
    image = palette(LABELS)
    image.putpalette([255 - i // 3 for i in range(768)])
    save(image, tmp_path / "mask.png")
    np.testing.assert_array_equal(read_classes(tmp_path / "mask.png", {}, ""), LABELS)


def test_classes_are_decoded_by_named_colours(tmp_path):
    """Named colours are decoded in colour, in a palette of any order, and in grey."""
    image = coloured(COLOURS_OF)(LABELS)
    for convert in (lambda i: i, lambda i: i.convert("P", palette=Image.Palette.ADAPTIVE)):
        save(convert(image), tmp_path / "mask.png")
        np.testing.assert_array_equal(read_classes(tmp_path / "mask.png", COLOURS, "labelmap.txt"), LABELS)
    save(Image.fromarray(np.where(LABELS == 3, 9, 0).astype(np.uint8)), tmp_path / "grey.png")
    np.testing.assert_array_equal(
        read_classes(tmp_path / "grey.png", COLOURS, "labelmap.txt"), np.where(LABELS == 3, 3, 0)
    )


@pytest.mark.parametrize("shade", [None, 7])
def test_indices_count_if_the_palette_has_none_of_the_named_colours(tmp_path, shade):
    """Indices are classes if their colours are not named, or if the palette has one colour for all."""
    image = palette(LABELS)
    if shade is not None:
        image.putpalette([shade] * 768)
    save(image, tmp_path / "mask.png")
    np.testing.assert_array_equal(read_classes(tmp_path / "mask.png", COLOURS, "labelmap.txt"), LABELS)


def test_a_palette_that_contradicts_the_named_colours_is_refused(tmp_path):
    """Two values cannot mean one class, one by its colour and one by itself."""
    image = palette(np.minimum(LABELS, 2))
    image.putpalette([0, 0, 0, *COLOURS_OF[2], 7, 7, 7])
    save(image, tmp_path / "mask.png")
    with pytest.raises(
        InputError, match=r"values 1 and 2 of the mask .*mask\.png both mean the class 2: labelmap\.txt"
    ):
        read_classes(tmp_path / "mask.png", COLOURS, "labelmap.txt")


@pytest.mark.parametrize(
    ("image", "complaint"),
    [
        (coloured({1: (1, 2, 3)})(LABELS), "colour 1,2,3 that VOC's palette does not have"),
        (coloured({1: (1, 2, 3), 2: (4, 5, 6)})(LABELS), r"colour 1,2,3 \(and 1 more\) that VOC's palette"),
        (Image.fromarray(LABELS.astype(np.uint16) * 257), "value 65535; numbers are 0 to 255"),
        (Image.fromarray(LABELS.astype(np.int32) - 1), "value -1; numbers are 0 to 255"),
        (Image.fromarray(LABELS.astype(np.float32)), "mode 'F'"),
        (coloured()(LABELS).convert("CMYK"), "mode 'CMYK'"),
        (Image.fromarray(np.where(LABELS > 0, 255, 0).astype(np.uint8)), "holds only 0 and 255, and 255 is void"),
        (Image.fromarray(np.full((3, 4), 255, dtype=np.uint8)), "holds only 0 and 255, and 255 is void"),
    ],
)
def test_what_has_no_numbers_is_refused_with_a_cure(tmp_path, image, complaint):
    """The message names the file, what it holds and how to write it."""
    save(image, tmp_path / "mask.tif")
    with pytest.raises(InputError, match=rf"mask\.tif .*{complaint}.*(Save it as|number the objects)") as error:
        read_numbers(tmp_path / "mask.tif")
    assert "\n" not in str(error.value)


def test_a_black_mask_has_no_objects(tmp_path):
    """A photograph without objects is not taken for a black and white mask."""
    save(Image.new("L", (4, 3)), tmp_path / "mask.png")
    assert not read_numbers(tmp_path / "mask.png").any()


def test_a_colour_without_a_class_is_refused(tmp_path):
    """The message names the colour, the file of colours and the cure."""
    save(coloured(COLOURS_OF | {3: (1, 1, 1)})(LABELS), tmp_path / "mask.png")
    with pytest.raises(InputError, match=r"colour 1,1,1 that labelmap\.txt does not .* a class in labelmap\.txt"):
        read_classes(tmp_path / "mask.png", COLOURS, "labelmap.txt")


def test_a_sorted_palette_keeps_the_numbers_that_its_colours_stand_for(tmp_path):
    """Programs that save few colours sort them by their colours or by how often they occur."""
    numbers = [1, 3, 255, 0, 2]  # by place in the palette
    image = Image.fromarray(np.argsort(numbers).astype(np.uint8)[np.searchsorted(sorted(numbers), LABELS)])
    image.putpalette([channel for number in numbers for channel in bits_of(number)])
    save(image, tmp_path / "mask.png")
    np.testing.assert_array_equal(read_numbers(tmp_path / "mask.png"), LABELS)
    np.testing.assert_array_equal(read_classes(tmp_path / "mask.png", {}, "VOC"), LABELS)
