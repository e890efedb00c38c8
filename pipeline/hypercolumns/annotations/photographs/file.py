"""A photograph on disk: what its header says, and its pixels as 8-bit RGB."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from hypercolumns.annotations.files import size_mismatch
from hypercolumns.annotations.photographs.opening import open_of_any_size, verify, worded_errors
from hypercolumns.annotations.photographs.orientation import (
    Size,
    inverse,
    orientation_tag,
    orientation_to_apply,
    stored_size,
    turned,
    turned_size,
)
from hypercolumns.annotations.photographs.rgb import has_more_than_8_bits, to_rgb
from hypercolumns.errors import InputError


class PhotographSizeError(InputError):
    """A photograph whose size differs from that of its annotation."""


class PhotographFile:
    """An open photograph.

    Parameters
    ----------
    path
        The file, for messages.
    image
        The opened image, not decoded yet.

    Raises
    ------
    InputError
        If it has several frames or pages, or is a TIFF that Pillow misreads.
    """

    def __init__(self, path: Path, image: Image.Image) -> None:
        self._path = path
        self._image = image
        with worded_errors(path, "photograph"):
            # The second frame of an MPO file, as phones write it, is an extra of the JPEG photograph in the first.
            if getattr(image, "is_animated", False) and image.format != "MPO":
                raise ValueError("it has several frames or pages; save the one to use as a file")
            self.has_more_than_8_bits = has_more_than_8_bits(image)
            """Whether its values have more than 8 bits, so that they are scaled."""
            if isinstance(image, TiffImagePlugin.TiffImageFile) and self.has_more_than_8_bits:
                _check_deep_tiff(image)
            self.size = stored_size(image)
            """Width and height as stored."""

    @cached_property
    def tag(self) -> int:
        """EXIF orientation, 1 if there is none; that of a PNG may be found only after `decode_png`."""
        return orientation_tag(self._image)

    def require_size(self, annotated: Size, orientation: int) -> None:
        """Refuse a photograph that does not have the annotated size after turning it as `orientation` says.

        Raises
        ------
        PhotographSizeError
            Naming both sizes, and the EXIF orientation if there is one.
        """
        size = turned_size(self.size, orientation)
        if size == annotated:
            return
        message = size_mismatch(f"The annotation of {self._path}", annotated, size)
        if self.tag != 1:
            width, height = self.size
            message += (
                f" The photograph is stored as {width} x {height} with the EXIF orientation {self.tag}; "
                "dataset.orientation says whether it is turned."
            )
        raise PhotographSizeError(message)

    def decode_png(self) -> None:
        """Decode the pixels of a PNG, which may hold its tag after them.

        Raises
        ------
        InputError
            If the file is broken.
        """
        if self._image.format == "PNG":
            with worded_errors(self._path, "photograph"):
                self._image.load()

    def pixels(self, orientation: int = 1) -> NDArray[np.uint8]:
        """Read the pixels as a (height, width, 3) RGB array, turned as `orientation` says.

        Raises
        ------
        InputError
            If the file is broken, or `to_rgb` cannot convert it.
        """
        is_tiff = isinstance(self._image, TiffImagePlugin.TiffImageFile)
        # Pillow applies the tag of a TIFF, and forgets it, while it decodes the pixels.
        applied = self.tag if is_tiff else 1
        with worded_errors(self._path, "photograph"):
            verify(self._path, self._image)
            self._image.load()
            rgb = to_rgb(self._image, self.has_more_than_8_bits)
        return np.asarray(turned(turned(rgb, inverse(applied)), orientation))


@contextmanager
def open_photograph(path: Path, pixels: int = 0) -> Iterator[PhotographFile]:
    """Open a photograph inside a `with` statement; check its size before reading its pixels.

    Parameters
    ----------
    path
        The file.
    pixels
        The expected number of pixels; 0 if it is unknown.

    Raises
    ------
    MissingImageError
        If the file does not exist.
    InputError
        If it cannot be read or is not one photograph.
    """
    with open_of_any_size(path, pixels) as image:
        yield PhotographFile(path, image)


def shown_size(path: Path, rule: str) -> Size:
    """Width and height of a photograph without annotations, turned as the rule `dataset.orientation` says.

    Raises
    ------
    InputError
        If its header cannot be read.
    """
    with open_photograph(path) as photograph:
        orientation = orientation_to_apply(rule, photograph.tag, photograph.size, None)
        return turned_size(photograph.size, orientation)


def _check_deep_tiff(image: TiffImagePlugin.TiffImageFile) -> None:
    """Refuse TIFF files of more than 8 bits whose values Pillow mixes up."""
    tags = image.tag_v2
    is_compressed = tags.get(TiffImagePlugin.COMPRESSION, 1) != 1
    is_native = tags.prefix == (b"II" if sys.byteorder == "little" else b"MM")
    if tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == 0:
        problem = "stores white as 0"
    elif tags.get(TiffImagePlugin.PLANAR_CONFIGURATION) == 2 and not is_compressed:
        problem = "stores its colours one after the other"
    elif image.mode in ("I", "F") and is_compressed and not is_native:
        problem = "is compressed in the byte order of other processors"
    else:
        return
    raise ValueError(f"it has more than 8 bits (mode {image.mode}) and {problem}: Pillow misreads it; save it as PNG")
