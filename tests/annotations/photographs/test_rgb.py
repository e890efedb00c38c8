"""Photographs of every mode are read as they were drawn, or refused by name; they never turn blank without a word."""

import warnings

import numpy as np
import PIL
import pytest
import tifffile
from PIL import Image as Picture

from hypercolumns.annotations.photographs.reading import read_image
from hypercolumns.annotations.photographs.rgb import scale_to_8_bits, to_rgb
from hypercolumns.errors import InputError
from tests.annotations.pictures import HEIGHT, WIDTH, colours, greys, save

COLOUR_FILES = [
    *(("RGB", suffix) for suffix in ("png", "tif", "bmp", "webp", "jpg")),
    *(("RGBA", suffix) for suffix in ("png", "tif", "webp")),
    *(("P", suffix) for suffix in ("png", "tif", "bmp", "gif")),
    *(("CMYK", suffix) for suffix in ("tif", "jpg")),
    *((mode, "tif") for mode in ("PA", "RGBX", "YCbCr", "LAB")),
]
INEXACT = {"YCbCr": 3, "LAB": 22, "HSV": 5}
"""Largest error of converting the drawn colours to a mode and back, by mode; LAB is coarse for pure ones."""
MEMORY_MODES = sorted(set(Picture.MODES) - {"La", "RGBa", "1"})


def as_mode(mode):
    """The drawn picture in a mode of Pillow, and what is expected of it in RGB."""
    if mode.startswith(("I", "F", "L")) and mode != "LAB":
        grey = greys()
        expected = np.dstack([grey] * 3)
        if mode.startswith("I;16"):
            values = (grey.astype(np.uint16) * 257).astype(">u2" if mode == "I;16B" else "<u2")
            return Picture.frombytes(mode, (WIDTH, HEIGHT), values.tobytes()), expected
        return Picture.fromarray(grey).convert(mode), expected
    picture = Picture.fromarray(colours(*((32, 32) if mode == "CMYK" else ())))
    if mode == "P":
        return picture.quantize(8), np.asarray(picture)
    if mode == "PA":
        indices = picture.quantize(8)
        image = Picture.merge("PA", (Picture.fromarray(np.asarray(indices)), Picture.new("L", picture.size, 200)))
        image.putpalette(indices.getpalette())
        return image, np.asarray(picture)
    return picture.convert(mode), np.asarray(picture)


@pytest.mark.parametrize("mode", MEMORY_MODES)
def test_every_mode_of_pillow_becomes_the_drawn_picture(mode):
    image, expected = as_mode(mode)
    assert image.mode == mode
    assert np.abs(np.asarray(to_rgb(image)).astype(int) - expected).max() <= INEXACT.get(mode, 0)


@pytest.mark.parametrize("mode", ["La", "RGBa"])
def test_colours_multiplied_by_transparency_are_divided_again(mode):
    """Half transparent colours in these modes are stored at half their value."""
    straight = {"La": "LA", "RGBa": "RGBA"}[mode]
    image, expected = as_mode("L" if mode == "La" else "RGB")
    image = image.convert(straight)
    image.putalpha(128)
    assert np.abs(np.asarray(to_rgb(image.convert(mode))).astype(int) - expected).max() <= 1


def test_two_levels_become_black_and_white(tmp_path):
    drawn = greys() > 127
    Picture.fromarray(drawn).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), np.dstack([drawn * np.uint8(255)] * 3))


@pytest.mark.parametrize(("mode", "suffix"), COLOUR_FILES)
def test_colours_of_files_are_those_drawn(tmp_path, mode, suffix):
    if mode == "YCbCr" and int(PIL.__version__.split(".")[0]) < 13:
        pytest.skip("Pillow before 13 takes these files for truncated")
    image, expected = as_mode(mode)
    save(tmp_path / f"a.{suffix}", image)
    found = read_image(tmp_path / f"a.{suffix}")
    assert found.dtype == np.uint8
    tolerance = 40 if suffix == "jpg" else INEXACT.get(mode, 0)
    error = np.abs(found.astype(int) - expected)
    assert error.max() <= tolerance
    assert error.mean() < 3


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("bits", [8, 12, 16])
def test_grey_integers_are_scaled_from_the_bits_that_hold_the_brightest(tmp_path, bits, suffix):
    """Values of 8, 12 and 16 bits in files of 16 give the same picture as the 8-bit values they were made from."""
    white = 2**bits - 1
    values = np.round(greys() / 255 * white).astype(np.uint16)
    Picture.fromarray(values).save(tmp_path / f"a.{suffix}")
    np.testing.assert_array_equal(read_image(tmp_path / f"a.{suffix}")[..., 1], greys())


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.uint32, np.float32])
@pytest.mark.parametrize("white", [255, 4095, 32767])
def test_wider_integers_and_floats_are_scaled_in_the_same_way(tmp_path, dtype, white):
    """32767 needs 16 bits, so that the brightest value becomes 255 * 32767 / 65535."""
    values = np.round(greys() / 255 * white).astype(dtype)
    tifffile.imwrite(tmp_path / "a.tif", values, photometric="minisblack")
    full = {255: 255, 4095: 4095, 32767: 65535}[white]
    expected = np.round(values.astype(float) * 255 / full)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[..., 2], expected)


def test_floats_up_to_one_are_multiplied_by_255(tmp_path):
    Picture.fromarray((greys() / 255).astype(np.float32)).save(tmp_path / "a.tif")
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif")[..., 0], greys())


@pytest.mark.parametrize(
    "change", [{"darkest": -1.0}, {"darkest": np.nan}, {"brightest": np.inf}, {"brightest": 65536.0}, {"factor": 1.01}]
)
def test_floats_that_are_not_brightness_are_refused_naming_file_and_mode(tmp_path, change):
    """Also floats just above 1, which would give a black photograph."""
    values = (greys() / 255).astype(np.float32) * change.get("factor", 1)
    values[0, 0] = change.get("darkest", values[0, 0])
    values[-1, -1] = change.get("brightest", values[-1, -1])
    Picture.fromarray(values.astype(np.float32)).save(tmp_path / "heights.tif")
    with pytest.raises(InputError, match=r"heights\.tif cannot be read: its values \(mode F\).*save it with 8 bits"):
        read_image(tmp_path / "heights.tif")


def test_negative_integers_are_refused():
    with pytest.raises(ValueError, match=r"mode I\) go from -3 to 9"):
        scale_to_8_bits(np.array([-3, 9]), "I")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("extra", [{}, {"extrasamples": ["unassalpha"]}])
def test_colours_of_16_bits_become_8(tmp_path, order, compression, extra):
    """In either byte order, with and without transparency."""
    values = colours().astype(np.uint16) * 257
    if extra:
        values = np.dstack([values, np.full(values.shape[:2], 40000, dtype=np.uint16)])
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, values, photometric="rgb", byteorder=order, compression=compression, **extra)
    np.testing.assert_array_equal(read_image(path), colours())


def test_colours_of_12_bits_in_16_are_refused(tmp_path):
    """Pillow keeps the upper 8 of 16 bits, which would leave a black photograph."""
    tifffile.imwrite(tmp_path / "dark.tif", colours().astype(np.uint16) * 16, photometric="rgb")
    with pytest.raises(InputError, match=r"dark\.tif cannot be read: it has 16 bits per colour \(mode RGB\)"):
        read_image(tmp_path / "dark.tif")


@pytest.mark.parametrize("compression", [None, "deflate"])
@pytest.mark.parametrize("kind", ["planes", "white is zero", "foreign floats", "foreign integers"])
def test_tiff_files_that_pillow_misreads_are_refused_or_read_as_drawn(tmp_path, kind, compression):
    path, grey = tmp_path / "a.tif", greys()
    options = {"compression": compression, "photometric": "minisblack"}
    if kind == "planes":
        planes = np.moveaxis(colours().astype(np.uint16) * 257, 2, 0)
        tifffile.imwrite(path, planes, **options | {"photometric": "rgb", "planarconfig": "separate"})
    elif kind == "white is zero":
        tifffile.imwrite(path, 65535 - grey.astype(np.uint16) * 257, **options | {"photometric": "miniswhite"})
    else:
        values = grey.astype(np.int16) * 128 if kind == "foreign integers" else (grey / 255).astype(np.float32)
        tifffile.imwrite(path, values, byteorder=">", **options)
    try:
        found = read_image(path)
    except InputError as error:
        assert "a.tif" in str(error)  # noqa: PT017
        assert "mode" in str(error)  # noqa: PT017
    else:
        expected = colours() if kind == "planes" else np.dstack([grey] * 3)
        # The brightest value, 255 * 128, needs 16 bits.
        expected = np.round(expected * 128.0 * 255 / 65535) if kind == "foreign integers" else expected
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_floats_that_pillow_does_not_know_are_refused_by_name(tmp_path, dtype):
    tifffile.imwrite(tmp_path / "a.tif", (greys() / 255).astype(dtype), photometric="minisblack")
    with pytest.raises(InputError, match=r"a\.tif cannot be read: it is not an image, or of a kind that Pillow"):
        read_image(tmp_path / "a.tif")


def transparent(mode):
    """A picture whose shape is in the transparency only: black everywhere, opaque where the grey values are bright."""
    alpha = Picture.fromarray(greys())
    if mode == "palette":
        image = Picture.fromarray(greys())
        image = Picture.frombytes("P", image.size, image.tobytes())
        image.putpalette([0, 0, 0] * 256)
        image.info["transparency"] = bytes(range(256))
        return image
    image = Picture.new("L" if mode == "LA" else "RGB", alpha.size)
    image.putalpha(alpha)
    return image


@pytest.mark.parametrize("mode", ["LA", "RGBA", "palette"])
def test_a_picture_that_only_transparency_shows_is_refused_with_the_cure(tmp_path, mode):
    image = transparent(mode)
    image.save(tmp_path / "logo.png", **({"transparency": bytes(range(256))} if mode == "palette" else {}))
    with pytest.raises(InputError, match=r"logo\.png cannot be read: only its transparency.*without transparency"):
        read_image(tmp_path / "logo.png")


def test_transparency_is_dropped_where_colours_show_the_picture(tmp_path):
    """Colours count also where they are fully transparent; a picture of one colour and one transparency is read."""
    image = Picture.fromarray(colours())
    image.putalpha(Picture.fromarray(greys()))
    image.save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), colours())
    Picture.new("RGBA", (5, 4), (7, 8, 9, 50)).save(tmp_path / "b.png")
    assert (read_image(tmp_path / "b.png") == [7, 8, 9]).all()


def test_palettes_with_transparent_entries_are_read_without_a_warning(tmp_path):
    image = Picture.fromarray(colours()).quantize(8)
    image.save(tmp_path / "a.png", transparency=bytes([0, 255, 100, 255, 255, 255, 255, 255]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(read_image(tmp_path / "a.png"), colours())
