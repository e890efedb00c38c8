"""Reading photographs, which must be what their annotations say."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from hypercolumns.annotations.files import UNREADABLE, other_size
from hypercolumns.annotations.model import Image
from hypercolumns.errors import InputError


def read_image(path: Path) -> NDArray[np.uint8]:
    """A photograph as (height, width, 3) RGB.

    Raises
    ------
    InputError
        When the file is missing, truncated or no image.
    """
    try:
        with Picture.open(path) as picture:
            return np.asarray(picture.convert("RGB"))
    except FileNotFoundError:
        raise InputError(f"The photograph {path} does not exist.") from None
    except UNREADABLE as error:
        raise InputError(f"The photograph {path} cannot be read: {error}.") from None


def read_photograph(path: Path, image: Image) -> NDArray[np.uint8]:
    """The photograph of an annotated image as (height, width, 3) RGB.

    Raises
    ------
    InputError
        As `read_image`, and when the photograph has another size than its annotation.
    """
    photograph = read_image(path)
    annotated, found = (image.width, image.height), photograph.shape[1::-1]
    if found != annotated:
        raise InputError(other_size(f"The annotation of {path}", annotated, found))
    return photograph
