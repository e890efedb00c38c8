"""Clutter in front of and behind the annotated figures: poles, fences, boards, bushes and crates."""

import numpy as np
from numpy.typing import NDArray

from hypercolumns.puppets.materials import Material, any_colour, cloth, pick, plain
from hypercolumns.puppets.shapes import Figure, Shape

_GREENS = ((62, 84, 40), (88, 104, 52), (48, 66, 44), (112, 112, 60), (96, 80, 48))


def draw(rng: np.random.Generator, x: float, foot: float, size: float) -> Figure:
    """Draw one piece of clutter of about `size` pixels that stands at the pixel x, foot."""
    kinds = (_pole, _fence, _board, _bush, _crate)
    kind = kinds[rng.choice(len(kinds), p=[0.25, 0.12, 0.2, 0.25, 0.18])]
    return kind(rng, x, foot, size)


def _quad(x0: float, y0: float, x1: float, y1: float) -> NDArray[np.float64]:
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], dtype=np.float64)


def _shape(name: str, material: str, polygon: NDArray[np.float64], roundness: float, brightness: float = 1.0) -> Shape:
    return Shape(name, None, material, polygon, 0.0, roundness, brightness)


def _pole(rng: np.random.Generator, x: float, foot: float, size: float) -> Figure:
    half, top, lean = size * rng.uniform(0.015, 0.05), foot - size * rng.uniform(1.2, 2.6), rng.normal(0, 0.03) * size
    polygon = np.array([(x - half, foot), (x + half, foot), (x + lean + half, top), (x + lean - half, top)])
    striped = Material("stripes", any_colour(rng), any_colour(rng), size * 0.2, np.pi / 2, 0.15)
    material = striped if rng.random() < 0.3 else plain(striped.colour, 0.2)
    return Figure(None, (_shape("pole", "pole", polygon, 1.0),), {"pole": material})


def _fence(rng: np.random.Generator, x: float, foot: float, size: float) -> Figure:
    width, height, gap = size * rng.uniform(1.2, 2.4), size * rng.uniform(0.25, 0.45), size * rng.uniform(0.09, 0.16)
    bar = gap * rng.uniform(0.2, 0.45)
    start, end = x - width / 2, x + width / 2
    shapes = []
    for share in (0.3, 0.8):
        y = foot - height * share
        shapes.append(_shape(f"rail_{share}", "wood", _quad(start, y - bar / 2, end, y + bar / 2), 0.6))
    for left in np.arange(start, end, gap):
        shapes.append(_shape(f"post_{left:.1f}", "wood", _quad(left, foot - height, left + bar, foot), 0.8))
    return Figure(None, tuple(shapes), {"wood": plain(any_colour(rng), 0.25)})


def _board(rng: np.random.Generator, x: float, foot: float, size: float) -> Figure:
    width, height, low = size * rng.uniform(0.35, 0.9), size * rng.uniform(0.3, 0.6), size * rng.uniform(0.0, 0.5)
    board = _quad(x - width / 2, foot - low - height, x + width / 2, foot - low)
    board[:, 1] += np.array([-1, 1, 1, -1]) * rng.normal(0, 0.04) * size
    shapes = []
    for side in (-1, 1):
        middle, half = x + side * width * 0.4, 0.02 * size
        shapes.append(_shape(f"post_{side}", "post", _quad(middle - half, foot - low - 2, middle + half, foot), 1.0))
    shapes.append(_shape("board", "board", board, 0.0))
    surface = Material("photograph", any_colour(rng), roughness=0.05) if rng.random() < 0.7 else cloth(rng, size)
    return Figure(None, tuple(shapes), {"post": plain(any_colour(rng), 0.2), "board": surface})


def _bush(rng: np.random.Generator, x: float, foot: float, size: float) -> Figure:
    green = pick(rng, _GREENS)
    shapes = []
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    for number in range(int(rng.integers(4, 9))):
        radius = size * rng.uniform(0.1, 0.22)
        ragged = radius * (1 + 0.16 * rng.normal(0, 1, 40))
        centre = np.array([x + rng.normal(0, 0.2) * size, foot - radius * 0.8 - rng.uniform(0, 0.3) * size])
        polygon = centre + ragged[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
        shapes.append(_shape(f"leaves_{number}", "leaves", polygon, 1.0, rng.uniform(0.75, 1.15)))
    darker = (green[0] * 0.5, green[1] * 0.55, green[2] * 0.5)
    return Figure(None, tuple(shapes), {"leaves": Material("patches", green, darker, 2.5, 0.0, 0.3)})


def _crate(rng: np.random.Generator, x: float, foot: float, size: float) -> Figure:
    width, height, side = size * rng.uniform(0.2, 0.55), size * rng.uniform(0.2, 0.5), size * rng.uniform(0.05, 0.15)
    front = _quad(x - width / 2, foot - height, x + width / 2, foot)
    shift = np.array([side, -0.4 * side])
    top = np.concatenate([front[[0, 1]], front[[1, 0]] + shift])
    flank = np.concatenate([front[[1, 2]], front[[2, 1]] + shift])
    faces = (("front", front, 1.0), ("top", top, 1.2), ("flank", flank, 0.7))
    shapes = tuple(_shape(name, "wood", face, 0.0, brightness) for name, face, brightness in faces)
    return Figure(None, shapes, {"wood": cloth(rng, 2.0 * size)})
