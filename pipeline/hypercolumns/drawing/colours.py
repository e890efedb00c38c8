"""Colours that tell objects apart, and those that are legible on them."""

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
"""RGB, (height, width, 3)."""
Colour = tuple[int, int, int]
"""RGB from 0 to 255."""
WHITE, BLACK = (255, 255, 255), (0, 0, 0)
GROUND: Colour = (24, 24, 27)
"""Behind the tiles of a sheet."""

_FIRST_HUE, _GOLDEN_TURN = 0.07, (5**0.5 - 1) / 2
"""Hues in turns. Multiples of the golden ratio stay apart however many there are."""
_LIGHTNESS = (0.68, 0.62, 0.84)
"""Lightness in OKLCH, in rotation, so that colours of similar hue differ."""
_CHROMA = 0.19
_TO_LMS = ((1, 0.3963377774, 0.2158037573), (1, -0.1055613458, -0.0638541728), (1, -0.0894841775, -1.2914855480))
_TO_RGB = (
    (4.0767416621, -3.3077115913, 0.2309699292),
    (-1.2684380046, 2.6097574011, -0.3413193965),
    (-0.0041960863, -0.7034186147, 1.7076147010),
)


def palette(count: int) -> list[Colour]:
    """Return `count` colours, each unlike the few before it; a longer palette starts with a shorter one.

    Notes
    -----
    Hues go round OKLCH, in which equal steps look equally large, by the golden ratio. Source: B. Ottosson, "A
    perceptual color space for image processing" (2020).

    Examples
    --------
    >>> palette(3)[:2] == palette(2)
    True
    """
    k = np.arange(count)
    angle = 2 * np.pi * (_FIRST_HUE + k * _GOLDEN_TURN)
    lightness = np.take(_LIGHTNESS, k % len(_LIGHTNESS))
    lab = np.stack([lightness, _CHROMA * np.cos(angle), _CHROMA * np.sin(angle)], axis=1)
    linear = np.clip((lab @ np.transpose(_TO_LMS)) ** 3 @ np.transpose(_TO_RGB), 0, 1)
    values = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return [(r, g, b) for r, g, b in np.round(255 * values).astype(int).tolist()]


def mix(colour: Colour, other: Colour, share: float) -> Colour:
    """Mix `share` (0 to 1) of `other` into `colour`.

    Examples
    --------
    >>> mix((255, 0, 100), (0, 0, 0), 0.2)
    (204, 0, 80)
    """
    r, g, b = (round((1 - share) * c + share * o) for c, o in zip(colour, other, strict=True))
    return r, g, b


def shades(colour: Colour, count: int) -> list[Colour]:
    """Return `count` shades of a colour, from light to dark in such an order that neighbours differ.

    Examples
    --------
    >>> shades((200, 100, 0), 2)
    [(228, 178, 128), (100, 50, 0)]
    """
    steps = [-0.5 + k / max(count - 1, 1) for k in range(count)]
    half = (count + 1) // 2
    ordered = [steps[(k // 2) + (half if k % 2 else 0)] for k in range(count)]
    return [mix(colour, BLACK if step > 0 else WHITE, abs(step)) for step in ordered]


def luminance(colour: Colour) -> float:
    """Relative luminance of a colour, 0 to 1 (WCAG 2)."""
    values = np.array(colour) / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def text_colour(ground: Colour) -> Colour:
    """Black or white, whichever has the higher contrast on a ground (WCAG 2).

    Examples
    --------
    >>> text_colour((255, 230, 0)), text_colour((60, 0, 120))
    ((0, 0, 0), (255, 255, 255))
    """
    ground_luminance = luminance(ground)
    return BLACK if (ground_luminance + 0.05) / 0.05 >= 1.05 / (ground_luminance + 0.05) else WHITE
