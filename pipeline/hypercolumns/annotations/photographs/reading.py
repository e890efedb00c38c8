"""Reading photographs, alone or with the size and orientation of their annotations."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.model import Image
from hypercolumns.annotations.photographs.file import PhotographFile, open_photograph
from hypercolumns.annotations.photographs.opening import open_image


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read a photograph of any mode as a (height, width, 3) RGB array, as it is stored.

    Raises
    ------
    InputError
        If the file is missing, truncated, absurdly large, not an image, or an image that cannot be converted to RGB.
    """
    with open_image(path, "photograph") as image:
        return PhotographFile(path, image).pixels()


def read_photograph(path: Path, image: Image) -> NDArray[np.uint8]:
    """Read the photograph of an annotated image as a (height, width, 3) RGB array, turned as `image.orientation` says.

    Raises
    ------
    InputError
        As `read_image`, and if the header gives a size that differs from the annotation.
    """
    with open_photograph(path, image.width * image.height) as photograph:
        photograph.require_size((image.width, image.height), image.orientation)
        return photograph.pixels(image.orientation)
