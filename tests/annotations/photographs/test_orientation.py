"""Photographs are turned as their EXIF orientation says, or left as stored, by one rule for all formats of files."""

import numpy as np
import pytest
from PIL import Image as Picture

from hypercolumns.annotations.model import Image
from hypercolumns.annotations.photographs.file import open_photograph
from hypercolumns.annotations.photographs.orientation import orientation_to_apply
from hypercolumns.annotations.photographs.reading import read_image, read_photograph
from hypercolumns.errors import InputError
from tests.annotations.pictures import HEIGHT, TURNED, WIDTH, colours, save

SUFFIXES = ["png", "webp", "tif", "jpg"]


def write(path, tag, **options):
    """Write the drawn picture as stored, with a tag; returns the tolerance for comparing pixels."""
    save(path, colours(32, 16), tag, **options)
    return 40 if path.suffix == ".jpg" else 0


def assert_shows(found, expected, tolerance):
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= tolerance


@pytest.mark.parametrize("suffix", [*SUFFIXES, "deflated.tif"])
@pytest.mark.parametrize("tag", range(1, 9))
def test_orientations_are_applied_as_exif_defines_them(tmp_path, tag, suffix):
    """A photograph is read as stored, or as the tag says, for each tag and format; headers tell tag and stored size."""
    path = tmp_path / f"a.{suffix}"
    tolerance = write(path, tag, **({"compression": "tiff_deflate"} if suffix == "deflated.tif" else {}))
    stored = colours(32, 16)
    shown = TURNED[tag](stored)
    height, width = shown.shape[:2]
    assert_shows(read_photograph(path, Image(1, path.name, width, height, orientation=tag)), shown, tolerance)
    assert_shows(read_photograph(path, Image(1, path.name, 32, 16)), stored, tolerance)
    assert_shows(read_image(path), stored, tolerance)
    with open_photograph(path) as photograph:
        assert (photograph.size, photograph.tag) == ((32, 16), tag)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("suffix", ["png", "webp", "jpg"])
@pytest.mark.parametrize("exif", [b"Exif\x00\x00MM\x00*\xff\xff\xff\xff", b"Exif\x00\x00nonsense", b""])
def test_broken_exif_data_count_as_no_tag(tmp_path, exif, suffix):
    path = tmp_path / f"a.{suffix}"
    save(path, Picture.fromarray(colours(32, 16)), exif=exif)
    assert read_photograph(path, Image(1, path.name, 32, 16)).shape == (16, 32, 3)
    with open_photograph(path) as photograph:
        assert photograph.tag == 1


@pytest.mark.parametrize("tag", [0, 9, 65535])
def test_tags_that_exif_does_not_define_count_as_none(tmp_path, tag):
    save(tmp_path / "a.jpg", colours(), tag)
    with open_photograph(tmp_path / "a.jpg") as photograph:
        assert photograph.tag == 1


def late_exif(path, tag):
    """Move the tag of a PNG behind its pixels, where some programs write it."""
    save(path, colours(), tag)
    content = path.read_bytes()
    start = content.index(b"eXIf") - 4
    stop = start + 12 + int.from_bytes(content[start : start + 4], "big")
    end = len(content) - 12
    path.write_bytes(content[:start] + content[stop:end] + content[start:stop] + content[end:])


def test_the_tag_of_a_png_may_come_after_the_pixels(tmp_path):
    """The header does not tell it then, but the decoded file does."""
    path = tmp_path / "a.png"
    late_exif(path, 6)
    with open_photograph(path) as photograph:
        assert photograph.tag == 1
    with open_photograph(path) as photograph:
        photograph.decode_png()
        assert photograph.tag == 6
        np.testing.assert_array_equal(photograph.pixels(6), TURNED[6](colours()))


@pytest.mark.parametrize("rule", ["auto", "apply", "ignore"])
@pytest.mark.parametrize("tag", range(1, 9))
@pytest.mark.parametrize("stored", [(40, 30), (30, 30)])
@pytest.mark.parametrize("annotated", [(40, 30), (30, 40), (30, 30), None])
def test_auto_turns_unless_only_the_stored_size_is_the_annotated_one(rule, tag, stored, annotated):
    turned = stored[::-1] if tag in (5, 6, 7, 8) else stored
    leaves = {"apply": False, "ignore": True, "auto": annotated == stored and annotated != turned}[rule]
    assert orientation_to_apply(rule, tag, stored, annotated) == (1 if leaves else tag)


def test_a_photograph_must_have_the_size_of_its_annotation(tmp_path):
    """A photograph is returned unchanged if its size is as annotated, and refused naming both sizes otherwise."""
    path = tmp_path / "photo.png"
    save(path, colours())
    np.testing.assert_array_equal(read_photograph(path, Image(1, path.name, WIDTH, HEIGHT)), colours())
    with pytest.raises(InputError, match=r"photo\.png is 16 x 24 pixels, but its photograph is 24 x 16\.$"):
        read_photograph(path, Image(1, path.name, HEIGHT, WIDTH))


def test_a_wrong_size_is_explained_by_the_tag(tmp_path):
    path = tmp_path / "photo.jpg"
    save(path, colours(), 8)
    with pytest.raises(InputError, match=r"stored as 24 x 16 with the EXIF orientation 8; dataset\.orientation"):
        read_photograph(path, Image(1, path.name, WIDTH, HEIGHT, orientation=8))
