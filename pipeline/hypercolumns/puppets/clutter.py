"""Things that are no figures: poles, fences, boards, bushes and crates, before and behind the figures."""

import numpy as np
from numpy.typing import NDArray

from hypercolumns.puppets.materials import Material, any_colour, cloth, pick, plain
from hypercolumns.puppets.shapes import Figure, Shape

GREENS = ((62, 84, 40), (88, 104, 52), (48, 66, 44), (112, 112, 60), (96, 80, 48))


def draw(rng: np.random.Generator, x: float, foot: float, height: float) -> Figure:
    """A thing `height` pixels tall that stands on the pixel x, foot."""
    kinds = (_pole, _fence, _board, _bush, _crate)
    kind = kinds[rng.choice(len(kinds), p=[0.25, 0.12, 0.2, 0.25, 0.18])]
    shapes, materials = kind(rng, x, foot, height)
    return Figure(None, tuple(shapes), materials)


def _quad(x0: float, y0: float, x1: float, y1: float) -> NDArray[np.float64]:
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], dtype=np.float64)


def _shape(name: str, material: str, polygon: NDArray[np.float64], roundness: float, brightness: float = 1.0) -> Shape:
    return Shape(name, None, material, polygon, 0.0, roundness, brightness)


Drawn = tuple[list[Shape], dict[str, Material]]


def _pole(rng: np.random.Generator, x: float, foot: float, height: float) -> Drawn:
    half, tall, lean = height * rng.uniform(0.015, 0.05), height * rng.uniform(1.2, 2.6), rng.normal(0, 0.03) * height
    polygon = np.array(
        [(x - half, foot), (x + half, foot), (x + lean + half, foot - tall), (x + lean - half, foot - tall)]
    )
    surface = Material("stripes", any_colour(rng), any_colour(rng), height * 0.2, np.pi / 2, 0.15)
    return [_shape("pole", "pole", polygon, 1.0)], {
        "pole": surface if rng.random() < 0.3 else plain(surface.colour, 0.2)
    }


def _fence(rng: np.random.Generator, x: float, foot: float, height: float) -> Drawn:
    wide, tall, gap = height * rng.uniform(1.2, 2.4), height * rng.uniform(0.25, 0.45), height * rng.uniform(0.09, 0.16)
    bar = gap * rng.uniform(0.2, 0.45)
    shapes = [
        _shape(
            f"rail_{share}",
            "wood",
            _quad(x - wide / 2, foot - tall * share - bar / 2, x + wide / 2, foot - tall * share + bar / 2),
            0.6,
        )
        for share in (0.3, 0.8)
    ]
    for left in np.arange(x - wide / 2, x + wide / 2, gap):
        shapes.append(_shape(f"post_{left:.1f}", "wood", _quad(left, foot - tall, left + bar, foot), 0.8))
    return shapes, {"wood": plain(any_colour(rng), 0.25)}


def _board(rng: np.random.Generator, x: float, foot: float, height: float) -> Drawn:
    wide, tall, low = height * rng.uniform(0.35, 0.9), height * rng.uniform(0.3, 0.6), height * rng.uniform(0.0, 0.5)
    board = _quad(x - wide / 2, foot - low - tall, x + wide / 2, foot - low)
    board[:, 1] += np.array([-1, 1, 1, -1]) * rng.normal(0, 0.04) * height
    posts = [
        _shape(
            f"post_{side}",
            "post",
            _quad(x + side * wide * 0.4 - 0.02 * height, foot - low - 2, x + side * wide * 0.4 + 0.02 * height, foot),
            1.0,
        )
        for side in (-1, 1)
    ]
    surface = Material("photograph", any_colour(rng), roughness=0.05) if rng.random() < 0.7 else cloth(rng, height)
    return [*posts, _shape("board", "board", board, 0.0)], {"post": plain(any_colour(rng), 0.2), "board": surface}


def _bush(rng: np.random.Generator, x: float, foot: float, height: float) -> Drawn:
    green = pick(rng, GREENS)
    shapes = []
    turn = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    for number in range(int(rng.integers(4, 9))):
        radius = height * rng.uniform(0.1, 0.22)
        ragged = radius * (1 + 0.16 * rng.normal(0, 1, 40))
        centre = np.array([x + rng.normal(0, 0.2) * height, foot - radius * 0.8 - rng.uniform(0, 0.3) * height])
        polygon = centre + ragged[:, None] * np.stack([np.cos(turn), np.sin(turn)], axis=1)
        shapes.append(_shape(f"leaves_{number}", "leaves", polygon, 1.0, rng.uniform(0.75, 1.15)))
    darker = (green[0] * 0.5, green[1] * 0.55, green[2] * 0.5)
    return shapes, {"leaves": Material("patches", green, darker, 2.5, 0.0, 0.3)}


def _crate(rng: np.random.Generator, x: float, foot: float, height: float) -> Drawn:
    wide, tall, side = height * rng.uniform(0.2, 0.55), height * rng.uniform(0.2, 0.5), height * rng.uniform(0.05, 0.15)
    front = _quad(x - wide / 2, foot - tall, x + wide / 2, foot)
    shift = np.array([side, -0.4 * side])
    top = np.array([front[0], front[1], front[1] + shift, front[0] + shift])
    flank = np.array([front[1], front[2], front[2] + shift, front[1] + shift])
    shapes = [
        _shape("front", "wood", front, 0.0),
        _shape("top", "wood", top, 0.0, 1.2),
        _shape("flank", "wood", flank, 0.0, 0.7),
    ]
    return shapes, {"wood": cloth(rng, 2.0 * height)}
