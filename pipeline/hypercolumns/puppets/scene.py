"""Draw one scene: a photographic background, figures and clutter at many depths, and the effects of a camera."""

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from hypercolumns.puppets import car, clutter, horse, person
from hypercolumns.puppets.canvas import Canvas, Light
from hypercolumns.puppets.materials import SCALE, any_colour, vary
from hypercolumns.puppets.photographs import GROUNDS, SCENERY, SourcePhotographs
from hypercolumns.puppets.shapes import Figure, Shape, View

CATEGORIES = (person.CATEGORY, horse.CATEGORY, car.CATEGORY)
_DRAWERS = {"person": person.draw, "horse": horse.draw, "car": car.draw}

_REFERENCE_HEIGHT = 240
"""Picture height in pixels to which `_SIZES` refers."""

_SIZES = {"person": (34.0, 200.0), "horse": (34.0, 170.0), "car": (46.0, 235.0)}
"""Smallest and largest size in pixels: the height of people and horses, the length of cars."""

_SIZES_IN_UNITS = {"person": 1.0, "horse": 1.5, "car": 4.4}
"""The same height or length in the units of each figure."""

_HORIZON_BLEND = 24
"""Canvas rows over which scenery and ground blend."""
_GROUND_SIZE = 512
"""Side in pixels of the square ground texture before it is put in perspective."""
_GROUND_COLOURS = ((118, 128, 84), (150, 138, 116), (126, 124, 122), (164, 148, 120), (98, 104, 74), (136, 108, 88))


@dataclass(frozen=True)
class Scene:
    """A finished picture and its contents.

    Attributes
    ----------
    picture
        (height, width, 3) RGB.
    shape_ids
        (height, width): 0 for background and clutter, i > 0 where `shapes[i - 1]` shows.
    shapes
        Annotated shapes in painting order, each with the index of its figure in `figures`.
    figures
        Figures and clutter, from far to near.
    """

    picture: NDArray[np.uint8]
    shape_ids: NDArray[np.int32]
    shapes: tuple[tuple[int, Shape], ...]
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class _Place:
    """Position of a figure: pixel x, foot and size in pixels; clutter has no category."""

    category: str | None
    x: float
    foot: float
    size: float


def draw(rng: np.random.Generator, width: int, height: int, photographs: SourcePhotographs) -> Scene:
    """Draw a scene of `width` x `height` pixels with one to five figures."""
    horizon = height * rng.uniform(0.28, 0.55)
    side = rng.uniform(-0.95, 0.95)
    light = Light((float(side), -float(np.sqrt(1 - side**2))), rng.uniform(0.15, 0.6))
    canvas = Canvas(_background(rng, width, height, horizon, photographs), light, photographs)
    pitch = rng.uniform(0.08, 0.28)
    figures: list[Figure] = []
    for place in sorted(_places(rng, width, height, horizon), key=lambda place: place.foot):
        reach = place.size * (0.22 if place.category == "person" else 0.4)
        canvas.shade_ground(place.x, place.foot - 0.01 * place.size, reach, max(2.0, 0.22 * reach))
        figure = _figure(rng, place, pitch, canvas.colours)
        canvas.paint(len(figures), figure, rng)
        figures.append(figure)
    colours, shape_ids = canvas.finish()
    return Scene(_take_picture(rng, colours), shape_ids, tuple(canvas.painted), tuple(figures))


def _places(rng: np.random.Generator, width: int, height: int, horizon: float) -> list[_Place]:
    """Choose places for figures, often in overlapping groups, and clutter; larger ones stand lower in the picture."""
    places: list[_Place] = []
    for _ in range(rng.choice([1, 2, 3, 4, 5], p=[0.2, 0.27, 0.25, 0.17, 0.11])):
        category = str(rng.choice(["person", "horse", "car"], p=[0.44, 0.28, 0.28]))
        low, high = _SIZES[category]
        size = float(np.exp(rng.uniform(np.log(low), np.log(high)))) * height / _REFERENCE_HEIGHT
        x = rng.uniform(0.08, 0.92) * width
        if places and rng.random() < 0.45:
            x = places[-1].x + rng.normal(0, 0.45) * places[-1].size
        places.append(_Place(category, float(np.clip(x, 0, width)), _foot_row(rng, size / high, height, horizon), size))
    for _ in range(rng.integers(1, 6)):
        near = rng.uniform(0.12, 0.85)
        x, foot = rng.uniform(0, 1) * width, _foot_row(rng, near, height, horizon)
        places.append(_Place(None, x, foot, near * 0.8 * height))
    return places


def _foot_row(rng: np.random.Generator, near: float, height: int, horizon: float) -> float:
    row = horizon + (0.99 * height - horizon) * near**0.75 + rng.normal(0, 0.035) * height
    return float(np.clip(row, horizon + 4, 1.03 * height))


def _figure(rng: np.random.Generator, place: _Place, pitch: float, colours: NDArray[np.float32]) -> Figure:
    if place.category is None:
        return clutter.draw(rng, place.x, place.foot, place.size)
    profile = rng.choice([-1, 1]) * np.pi / 2
    # Drawing all three angles keeps the random numbers that follow the same for every category.
    any_side, horse_side, car_side = rng.uniform(-np.pi, np.pi), rng.normal(0, 0.5), rng.normal(0, 0.55)
    yaw = {"person": any_side, "horse": profile + horse_side, "car": profile + car_side}[place.category]
    view = View(float(yaw), pitch, place.size / _SIZES_IN_UNITS[place.category], (place.x, place.foot))
    figure = _DRAWERS[place.category](rng, view, place.size)
    return _camouflaged(rng, figure, place, colours) if rng.random() < 0.25 else figure


def _camouflaged(rng: np.random.Generator, figure: Figure, place: _Place, colours: NDArray[np.float32]) -> Figure:
    """Recolour the main surfaces of a figure to match the canvas around it, so that colour alone does not reveal it."""
    materials = dict(figure.materials)
    for name in ("top", "bottom", "coat", "paint"):
        if name in materials:
            y, x = place.foot - rng.uniform(0.2, 0.9) * place.size, place.x + rng.normal(0, 0.4) * place.size
            row, column = np.clip([y * SCALE, x * SCALE], 0, np.subtract(colours.shape[:2], 9)).astype(int)
            red, green, blue = (float(c) for c in colours[row : row + 8, column : column + 8].mean(axis=(0, 1)))
            materials[name] = replace(materials[name], colour=vary(rng, (red, green, blue), 8.0))
    return replace(figure, materials=materials)


def _background(
    rng: np.random.Generator, width: int, height: int, horizon: float, photographs: SourcePhotographs
) -> NDArray[np.float32]:
    """Draw (SCALE height, SCALE width, 3): usually scenery above a ground in perspective, else a single photograph."""
    rows, columns = height * SCALE, width * SCALE
    if rng.random() < 0.22:
        return _tint(rng, photographs.crop(rng, rows, columns, (0.9, 3.0), SCENERY))
    edge = int(horizon * SCALE)
    blend = min(rows - edge, _HORIZON_BLEND)
    scenery = _tint(rng, photographs.crop(rng, edge + blend, columns, (0.7, 2.8), SCENERY))
    ground = _ground(rng, rows - edge, columns, photographs)
    start = blend / 2 + 6 * np.interp(np.arange(columns), np.linspace(0, columns, 24), rng.normal(0, 1, 24))
    share = np.clip((np.arange(blend)[:, None] - start) / 8 + 0.5, 0, 1)[..., None].astype(np.float32)
    blended = scenery[edge:] + share * (ground[:blend] - scenery[edge:])
    return np.concatenate([scenery[:edge], blended, ground[blend:]])


def _ground(rng: np.random.Generator, rows: int, columns: int, photographs: SourcePhotographs) -> NDArray[np.float32]:
    """Draw the ground plane in perspective, its far end at the top: (rows, columns, 3)."""
    ground = photographs.crop(rng, _GROUND_SIZE, _GROUND_SIZE, (0.8, 2.0), GROUNDS)
    if rng.random() < 0.75:
        colour = np.asarray(_GROUND_COLOURS[rng.integers(len(_GROUND_COLOURS))], dtype=np.float32)
        grey = ground.mean(axis=2, keepdims=True)
        ground = colour * (0.35 + 0.65 * grey / max(1.0, float(grey.mean())))
    spread = rng.uniform(0.6, 1.2)
    corners = [(0.2, 0), (0.8, 0), (0.8 + spread, rows), (0.2 - spread, rows)]
    target = np.array([(x * columns, y) for x, y in corners], dtype=np.float32)
    source = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], dtype=np.float32) * _GROUND_SIZE
    ground = np.clip(ground, 0, 255).astype(np.uint8)
    perspective = cv2.getPerspectiveTransform(source, target)
    return cv2.warpPerspective(ground, perspective, (columns, rows), borderMode=cv2.BORDER_REFLECT).astype(np.float32)


def _tint(rng: np.random.Generator, colours: NDArray[np.float32]) -> NDArray[np.float32]:
    """Change the brightness and the colour cast at random."""
    gain = np.asarray(rng.uniform(0.8, 1.2) * rng.uniform(0.9, 1.1, 3), dtype=np.float32)
    if rng.random() < 0.2:
        colours = 0.75 * colours + 0.25 * np.asarray(any_colour(rng), dtype=np.float32)
    return colours * gain


def _take_picture(rng: np.random.Generator, colours: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Imitate a camera: exposure, white balance, uneven light, slight blur and noise."""
    height, width = colours.shape[:2]
    warmth = rng.normal(0, 0.06)
    gain = rng.uniform(0.8, 1.25) * np.array([1 + warmth, 1.0, 1 - warmth])
    slope_x, slope_y = rng.normal(0, 0.12, 2)
    x, y = np.linspace(-1, 1, width), np.linspace(-1, 1, height)[:, None]
    uneven = (1 + slope_x * x + slope_y * y).astype(np.float32)[..., None]
    exposed = np.clip(colours * (gain / 255).astype(np.float32) * uneven, 0, 1) ** np.float32(rng.uniform(0.8, 1.25))
    blurred = cv2.GaussianBlur(exposed, (0, 0), rng.uniform(0.25, 0.75))
    grain = rng.standard_normal((height, width, 1), dtype=np.float32) * np.float32(rng.uniform(1, 6))
    colour_grain = 2 * rng.standard_normal((height, width, 3), dtype=np.float32)
    return np.clip(np.rint(255 * blurred + grain + colour_grain), 0, 255).astype(np.uint8)
