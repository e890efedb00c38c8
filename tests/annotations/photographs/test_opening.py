"""Files that are not photographs are refused by name, without waiting, and without memory for what a header claims."""

import os
import struct
import warnings
import zlib
from threading import Thread

import numpy as np
import pytest
from PIL import Image as Picture
from PIL.PngImagePlugin import PngImageFile

from hypercolumns.annotations.files import image_size
from hypercolumns.annotations.model import Image
from hypercolumns.annotations.photographs import opening
from hypercolumns.annotations.photographs.reading import read_image, read_photograph
from hypercolumns.errors import InputError
from tests.annotations.pictures import HEIGHT, WIDTH, colours, save


def write_huge(path, side=60000):
    """A PNG whose header claims side x side pixels, of which it has none."""
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"")),
        (b"IEND", b""),
    ]
    content = b"\x89PNG\r\n\x1a\n"
    for name, data in chunks:
        content += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    path.write_bytes(content)


def test_unreadable_photographs_are_named(tmp_path):
    """Truncated, empty and missing files, other files, folders and devices are refused by name."""
    noise = np.random.default_rng(0).integers(0, 255, (50, 50, 3), dtype=np.uint8)
    Picture.fromarray(noise).save(tmp_path / "good.jpg")
    good = (tmp_path / "good.jpg").read_bytes()
    for name, content in (("half.jpg", good[: len(good) // 2]), ("empty.jpg", b""), ("text.jpg", b"hello")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=f"{name} cannot be read"):
            read_image(tmp_path / name)
    for missing in (tmp_path / "none.jpg", tmp_path / "good.jpg" / "none.jpg"):
        with pytest.raises(opening.MissingImageError, match=r"none\.jpg does not exist"):
            read_image(missing)
    os.mkfifo(tmp_path / "pipe.jpg")
    for other in (tmp_path, tmp_path / "pipe.jpg", "/dev/zero"):
        with pytest.raises(InputError, match="cannot be read: it is not a regular file"):
            read_image(tmp_path / other)


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "bmp"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated_files_of_every_format_are_refused(tmp_path, suffix, share):
    noise = np.random.default_rng(0).integers(0, 255, (50, 50, 3), dtype=np.uint8)
    path = tmp_path / f"a.{suffix}"
    save(path, noise)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(InputError, match=rf"a\.{suffix} cannot be read"):
        read_image(path)


@pytest.mark.parametrize("suffix", ["gif", "png", "webp", "tif"])
def test_animations_and_pages_are_refused_by_name(tmp_path, suffix):
    first, second = (Picture.fromarray(picture) for picture in (colours(), colours()[::-1].copy()))
    first.save(tmp_path / f"a.{suffix}", save_all=True, append_images=[second])
    with pytest.raises(InputError, match=rf"a\.{suffix} cannot be read: it has several frames or pages"):
        read_image(tmp_path / f"a.{suffix}")


@pytest.mark.parametrize(("copies", "is_read"), [(50, True), (200, False)])
def test_a_progressive_photograph_of_absurdly_many_scans_is_refused(tmp_path, copies, is_read):
    """Each scan takes the time of a whole photograph."""
    path = tmp_path / "a.jpg"
    Picture.fromarray(colours()).save(path, progressive=True)
    good = path.read_bytes()
    path.write_bytes(good[:-2] + copies * good[good.rindex(b"\xff\xda") : -2] + good[-2:])
    if is_read:
        assert read_image(path).shape == (HEIGHT, WIDTH, 3)
    else:
        with pytest.raises(InputError, match=r"a\.jpg cannot be read: it has more than 100 progressive scans"):
            read_image(path)


def test_postscript_is_not_run(tmp_path):
    """Pillow would start Ghostscript."""
    program = "%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n%%EOF\n"
    (tmp_path / "a.jpg").write_text(program)
    with pytest.raises(InputError, match=r"a\.jpg cannot be read: it is PostScript"):
        read_image(tmp_path / "a.jpg")


def test_the_first_frame_of_a_phone_photograph_is_read(tmp_path):
    """Phones store a second frame, such as a depth map, in a JPEG; this is the format MPO."""
    first, second = Picture.fromarray(colours(32, 32)), Picture.new("RGB", (8, 8))
    first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[second], quality=95, subsampling=0)
    with Picture.open(tmp_path / "a.jpg") as image:
        assert (image.format, image.n_frames) == ("MPO", 2)
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - colours(32, 32)).max() <= 40


def test_headers_that_claim_too_much_are_refused_before_decoding(tmp_path, monkeypatch):
    """Pixels of 60000 x 60000 would take 10.8 GB."""
    path = tmp_path / "huge.png"
    write_huge(path)
    monkeypatch.setattr(PngImageFile, "load", None)
    with pytest.raises(InputError, match=r"huge\.png is 40 x 30 pixels, but its photograph is 60000 x 60000"):
        read_photograph(path, Image(1, path.name, 40, 30))
    with pytest.raises(InputError, match=r"huge\.png cannot be read: Image size \(3600000000 pixels\)"):
        read_image(path)
    assert image_size(path) == (60000, 60000)


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "jpg"])
@pytest.mark.parametrize("limit", [100, 250])
def test_photographs_of_the_annotated_size_are_read_whatever_the_limit_of_the_process(
    tmp_path, monkeypatch, suffix, limit
):
    """Without a warning, and the limit is the same afterwards. 24 x 16 pixels are above it, or above it twice."""
    monkeypatch.setattr(Picture, "MAX_IMAGE_PIXELS", limit)
    monkeypatch.setattr(opening, "_PILLOW_LIMIT", limit)
    path = tmp_path / f"a.{suffix}"
    save(path, colours())
    results = []

    def read():
        results.extend(read_photograph(path, Image(1, path.name, WIDTH, HEIGHT)) for _ in range(20))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        threads = [Thread(target=read) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert image_size(path) == (WIDTH, HEIGHT)
    assert len(results) == 80
    assert all(result.shape == (HEIGHT, WIDTH, 3) for result in results)
    assert limit == Picture.MAX_IMAGE_PIXELS


def test_the_limit_is_not_touched_for_photographs_below_it(tmp_path, monkeypatch):
    """Other programs may rely on the limit while photographs are read."""
    save(tmp_path / "a.png", colours())
    monkeypatch.setattr(opening, "_lifted_limit", None)
    assert read_photograph(tmp_path / "a.png", Image(1, "a.png", WIDTH, HEIGHT)).shape == (HEIGHT, WIDTH, 3)
