"""Photographs to answer for: files or arrays."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.model import Image
from hypercolumns.annotations.photographs.file import open_photograph
from hypercolumns.annotations.photographs.orientation import turned_size
from hypercolumns.annotations.photographs.reading import read_photograph
from hypercolumns.annotations.results import Result
from hypercolumns.errors import InputError
from hypercolumns.parameters import DatasetParameters

LARGEST = DatasetParameters().maximum_pixels
"""Pixels of the largest photograph."""


@dataclass(frozen=True)
class Photograph:
    """A photograph to answer for, and its boxes if they are given."""

    image: Image
    source: Path | NDArray[np.uint8]
    """The file, or (height, width, 3) RGB."""
    boxes: Sequence[Result] | None = None
    """COCO results with bbox, category and score; None: the detector finds boxes."""

    @classmethod
    def of(cls, source: Path | str | NDArray[np.uint8], image_id: int = 1, name: str | None = None) -> "Photograph":
        """Describe a photograph; a file is turned as its EXIF tag says.

        Raises
        ------
        InputError
            If it cannot be read, is too large, or is an array of another kind.
        """
        if isinstance(source, Path | str):
            path = Path(source)
            return cls(_image(path, image_id, path.name if name is None else name), path)
        pixels = np.asarray(source)
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
            raise InputError(
                f"A photograph is an array (height, width, 3) of uint8 in RGB, not {pixels.shape} of {pixels.dtype}."
            )
        return cls(Image(image_id, name or "photograph", pixels.shape[1], pixels.shape[0]), pixels)

    def read(self) -> NDArray[np.uint8]:
        """Read the pixels as a writable array (height, width, 3), RGB.

        Raises
        ------
        InputError
            If the file cannot be read.
        """
        # Copied because torch warns about read-only arrays.
        return np.array(
            self.source if isinstance(self.source, np.ndarray) else read_photograph(self.source, self.image)
        )


def _image(path: Path, image_id: int, name: str) -> Image:
    with open_photograph(path) as photograph:
        width, height = photograph.size
        if width * height > LARGEST:
            raise InputError(
                f"The photograph {path} has {width} x {height} = {width * height} pixels, more than {LARGEST}."
            )
        photograph.decode_png()
        width, height = turned_size(photograph.size, photograph.tag)
        return Image(image_id, name, width, height, orientation=photograph.tag)
