"""Surfaces of figures: plain, striped, chequered, dotted, patched or photographic, with uneven brightness."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from hypercolumns.puppets.photographs import SourcePhotographs

SCALE = 2
"""Pixels of canvas and textures per picture pixel along each axis; averaging 2 x 2 of them smooths the edges."""

Colour = tuple[float, float, float]
Pattern = Literal["plain", "stripes", "checks", "dots", "patches", "photograph"]

SKIN: tuple[Colour, ...] = ((236, 188, 160), (222, 166, 132), (190, 134, 98), (146, 98, 68), (98, 64, 46), (74, 48, 36))
HAIR: tuple[Colour, ...] = ((30, 24, 22), (62, 42, 30), (112, 76, 44), (178, 138, 84), (140, 136, 132), (124, 60, 34))
COATS: tuple[Colour, ...] = (
    (112, 66, 38), (78, 50, 34), (40, 34, 32), (150, 100, 62), (196, 160, 112), (214, 208, 198), (130, 126, 122),
)  # fmt: skip


@dataclass(frozen=True)
class Material:
    """Appearance of a surface.

    Attributes
    ----------
    pattern
        How the two colours alternate.
    colour, second
        RGB in 0 .. 255.
    period
        Length of the pattern in picture pixels.
    angle
        Direction of the pattern in radians.
    roughness
        Relative variation of brightness over the surface.
    """

    pattern: Pattern
    colour: Colour
    second: Colour = (0, 0, 0)
    period: float = 8.0
    angle: float = 0.0
    roughness: float = 0.1


def plain(colour: Colour, roughness: float = 0.1) -> Material:
    """Make a surface of one colour."""
    return Material("plain", colour, roughness=roughness)


def vary(rng: np.random.Generator, colour: Colour, spread: float = 14.0) -> Colour:
    """Draw a colour near `colour`: brightness varies by `spread`, hue by less."""
    brightness = rng.normal(0, spread)
    red, green, blue = (float(np.clip(c + brightness + rng.normal(0, spread / 3), 4, 250)) for c in colour)
    return red, green, blue


def pick(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    """Draw one of `colours` and vary it."""
    return vary(rng, colours[rng.integers(len(colours))])


def any_colour(rng: np.random.Generator) -> Colour:
    """Draw a colour of clothes or paint: often grey or muted, sometimes vivid."""
    hue, value = rng.uniform(0, 180), rng.uniform(45, 235)
    saturation = rng.choice([rng.uniform(0, 40), rng.uniform(40, 130), rng.uniform(130, 220)], p=[0.35, 0.4, 0.25])
    pixel = np.array([[[hue, saturation, value]]], dtype=np.uint8)
    red, green, blue = (float(c) for c in cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0])
    return red, green, blue


def cloth(rng: np.random.Generator, size: float) -> Material:
    """Draw the surface of a garment for a figure of `size` pixels."""
    patterns: tuple[Pattern, ...] = ("plain", "stripes", "checks", "dots", "photograph")
    return Material(
        pattern=patterns[rng.choice(len(patterns), p=[0.45, 0.17, 0.1, 0.08, 0.2])],
        colour=any_colour(rng),
        second=any_colour(rng),
        period=max(2.5, size * rng.uniform(0.025, 0.07)),
        angle=rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)]),
        roughness=rng.uniform(0.05, 0.22),
    )


def texture(
    material: Material, rng: np.random.Generator, height: int, width: int, photographs: SourcePhotographs
) -> NDArray[np.float32]:
    """Draw a surface: (height, width, 3) RGB, about 0 .. 255, at `SCALE` texture pixels per picture pixel."""
    if material.pattern == "photograph":
        surface = photographs.crop(rng, height, width, (0.35 * SCALE, 1.2 * SCALE))
        # Half the photograph's contrast, so that the material's colour still shows.
        surface = 0.55 * surface + 0.45 * np.asarray(material.colour, dtype=np.float32)
    else:
        share = _pattern(material, rng, height, width)[..., None]
        first, second = (np.asarray(c, dtype=np.float32) for c in (material.colour, material.second))
        surface = first + share * (second - first)
    uneven = noise(rng, height, width, 14 * SCALE) + 0.6 * noise(rng, height, width, 2.5 * SCALE)
    return np.asarray(surface * (1 + material.roughness * uneven)[..., None], dtype=np.float32)


def _pattern(material: Material, rng: np.random.Generator, height: int, width: int) -> NDArray[np.float32]:
    """Share of the second colour at each pixel: (height, width) in 0 .. 1."""
    if material.pattern == "plain":
        return np.zeros((height, width), dtype=np.float32)
    if material.pattern == "patches":
        return np.clip(4 * noise(rng, height, width, material.period * SCALE) + 0.2, 0, 1).astype(np.float32)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) * np.float32(2 * np.pi / (material.period * SCALE))
    bend = 0.8 * noise(rng, height, width, 20 * SCALE)  # waves like the folds of cloth
    along = np.sin(x * np.cos(material.angle) + y * np.sin(material.angle) + bend)
    across = np.sin(y * np.cos(material.angle) - x * np.sin(material.angle) + bend)
    wave = {"stripes": along, "checks": along * across * 2, "dots": along + across - 0.9}[material.pattern]
    return np.clip(0.5 + 2.5 * wave, 0, 1).astype(np.float32)


def noise(rng: np.random.Generator, height: int, width: int, grain: float) -> NDArray[np.float32]:
    """Draw smooth noise (height, width): mean 0, standard deviation about 0.5, features of about `grain` pixels."""
    rows, columns = max(2, int(height / grain) + 2), max(2, int(width / grain) + 2)
    coarse = rng.normal(0, 0.6, (rows, columns)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), dtype=np.float32)
