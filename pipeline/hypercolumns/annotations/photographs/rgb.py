"""Conversion of images of every mode that Pillow knows to 8-bit RGB."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

_STRAIGHT_ALPHA = {"La": "LA", "RGBa": "RGBA"}
"""Modes with plain alpha, by the mode whose colours are multiplied by alpha."""


def has_more_than_8_bits(image: Image.Image) -> bool:
    """Tell whether the values of an opened image have more than 8 bits; must be asked before the pixels are decoded.

    Pillow has such modes for grey images only. Of colours it keeps the upper 8 of 16 bits.
    """
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return max(image.tag_v2.get(TiffImagePlugin.BITSPERSAMPLE, (1,))) > 8
    return image.mode.startswith(("I", "F")) or any(";16" in str(tile.args) for tile in getattr(image, "tile", []))


def to_rgb(image: Image.Image, has_deep_colours: bool = False) -> Image.Image:
    """Convert an image of any mode to 8-bit RGB.

    Grey images of more than 8 bits are scaled by `scale_to_8_bits`. Transparency is dropped.

    Parameters
    ----------
    image
        The image, whose mode may be any one that Pillow knows.
    has_deep_colours
        Whether the file has 16 bits per colour.

    Raises
    ------
    ValueError
        If nothing but transparency shows the picture, if its values are none of a photograph, or if Pillow has dropped
        the bits that its colours use.
    """
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(scale_to_8_bits(np.asarray(image), image.mode)).convert("RGB")
    if image.mode in _STRAIGHT_ALPHA:
        image = image.convert(_STRAIGHT_ALPHA[image.mode])
    elif image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    rgb = image if image.mode == "RGB" else image.convert("RGB")  # which would copy it
    if image.mode in ("LA", "PA", "RGBA") and is_one_colour(np.asarray(rgb)):
        lowest, highest = image.getchannel("A").getextrema()
        if lowest != highest:
            raise ValueError(
                f"only its transparency shows a picture, its colours (mode {image.mode}) are all the same; save it "
                "on a background, without transparency"
            )
    # Any darker, 8 and 12 bits stored in 16 could not be told from a dark photograph.
    if has_deep_colours and np.asarray(rgb).max() < 16:
        raise ValueError(
            f"it has 16 bits per colour (mode {image.mode}), of which it uses 12 or fewer; save it with 8 bits"
        )
    return rgb


def scale_to_8_bits(values: NDArray[np.integer | np.floating], mode: str) -> NDArray[np.uint8]:
    """Scale grey values of more than 8 bits.

    Integers are taken for values of 8, 12 or 16 bits, whichever is the smallest that holds the brightest one; they
    become value * 255 / (2^bits - 1), rounded. Floats are multiplied by 255 if none is above 1, and treated like
    integers otherwise. Floats just above 1 would give a black photograph and are refused.

    Parameters
    ----------
    values
        Array of any shape, integers or floats.
    mode
        Pillow's mode, for the message.

    Raises
    ------
    ValueError
        If a value is negative, above 65535 or NaN, or if the brightest one is a float from 1 to 16.

    Examples
    --------
    >>> scale_to_8_bits(np.array([0, 2048, 4095]), "I;16").tolist()
    [0, 128, 255]
    """
    darkest, brightest = float(values.min()), float(values.max())
    is_float = values.dtype.kind == "f"
    if not 0 <= darkest <= brightest <= 65535 or (is_float and 1 < brightest < 16):
        scales = "0 to 1, 255, 4095 or 65535" if is_float else "0 to 65535"
        raise ValueError(
            f"its values (mode {mode}) go from {darkest:g} to {brightest:g} instead of {scales}; save it with 8 bits"
        )
    if is_float and brightest <= 1:
        white = 1
    else:
        white = next(2**bits - 1 for bits in (8, 12, 16) if brightest <= 2**bits - 1)
    return np.rint(values * np.float32(255 / white)).astype(np.uint8)


def is_one_colour(pixels: NDArray[np.uint8]) -> bool:
    """Tell whether all pixels of a (height, width, 3) array are equal."""
    # Most photographs differ in the first row already.
    return bool((pixels[0] == pixels[0, 0]).all() and (pixels == pixels[0, 0]).all())
