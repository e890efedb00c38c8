"""Reading photographs."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.errors import InputError


def read_image(path: Path) -> NDArray[np.uint8]:
    """A photograph as (height, width, 3) RGB.

    Raises
    ------
    InputError
        When the file is missing, truncated or no image.
    """
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("RGB"))
    except FileNotFoundError:
        raise InputError(f"The photograph {path} does not exist.") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"The photograph {path} cannot be read: {error}.") from None
