"""Reading photographs and checking them against their annotations."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.files import open_image, size_mismatch
from hypercolumns.annotations.model import Image
from hypercolumns.errors import InputError


def read_image(path: Path) -> NDArray[np.uint8]:
    """Read a photograph of any mode as a (height, width, 3) RGB array.

    Raises
    ------
    InputError
        If the file is missing, truncated or not an image.
    """
    with open_image(path, "photograph") as image:
        return np.asarray(image.convert("RGB"))


def read_photograph(path: Path, image: Image) -> NDArray[np.uint8]:
    """Read the photograph of an annotated image as a (height, width, 3) RGB array.

    Raises
    ------
    InputError
        As `read_image`, and if the size of the photograph differs from its annotation.
    """
    photograph = read_image(path)
    annotated, actual = (image.width, image.height), photograph.shape[1::-1]
    if actual != annotated:
        raise InputError(size_mismatch(f"The annotation of {path}", annotated, actual))
    return photograph
