"""Paint figures from far to near, recording for every pixel which shape is on top; masks follow from that record."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from hypercolumns.puppets.materials import SCALE, texture
from hypercolumns.puppets.photographs import SourcePhotographs
from hypercolumns.puppets.shapes import Figure, Shape

_FRACTION_BITS = 4
"""Fractional bits of the polygon coordinates that OpenCV takes as integers."""
_SHADOW_STRENGTH = 0.55


@dataclass(frozen=True)
class Light:
    """Direction towards the light, as a unit vector in the picture (x right, y down), and strength of the shading."""

    direction: tuple[float, float]
    contrast: float


@dataclass
class Canvas:
    """A picture in progress, painted from far to near at `SCALE` times the resolution of the result.

    Attributes
    ----------
    colours
        (2 height, 2 width, 3) RGB in 0 .. 255.
    light
        The light that shades round shapes.
    photographs
        Source of photographic textures.
    shape_ids
        (2 height, 2 width): 0 for background and clutter, i > 0 for the shape `painted[i - 1]`.
    painted
        Annotated shapes in painting order, each with the index of its figure.
    """

    colours: NDArray[np.float32]
    light: Light
    photographs: SourcePhotographs
    shape_ids: NDArray[np.int32] = field(init=False)
    painted: list[tuple[int, Shape]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.shape_ids = np.zeros(self.colours.shape[:2], dtype=np.int32)

    def paint(self, index: int, figure: Figure, rng: np.random.Generator) -> None:
        """Paint a figure over the canvas; `painted` refers to it by `index`."""
        window = self._window(np.concatenate([shape.polygon for shape in figure.shapes]) * SCALE)
        if window is None:
            return
        height, width = self.shape_ids[window].shape
        surfaces = {
            name: texture(material, rng, height, width, self.photographs)
            for name, material in sorted(figure.materials.items())
        }
        for shape in figure.shapes:
            self._paint_shape(shape, surfaces[shape.material], window, index if figure.category else None)

    def shade_ground(self, x: float, y: float, width: float, height: float) -> None:
        """Darken an ellipse with soft edges; its centre and half axes are in picture pixels."""
        window = self._window((np.array([x, y]) + np.outer([-1.3, 1.3], [width, height])) * SCALE)
        if window is None:
            return
        rows, columns = (np.arange(s.start, s.stop) + 0.5 for s in window)
        distance = ((columns[None] / SCALE - x) / width) ** 2 + ((rows[:, None] / SCALE - y) / height) ** 2
        self.colours[window] *= (1 - _SHADOW_STRENGTH * np.clip(1.2 - distance, 0, 1))[..., None].astype(np.float32)

    def finish(self) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Reduce the canvas to the picture (height, width, 3) and its shape ids (height, width)."""
        shape_ids = majority(self.shape_ids)
        colours = cv2.resize(self.colours, shape_ids.shape[::-1], interpolation=cv2.INTER_AREA)
        return np.asarray(colours, dtype=np.float32), shape_ids

    def _window(self, points: NDArray[np.float64]) -> tuple[slice, slice] | None:
        """Rows and columns of the canvas that points (n, 2) in canvas pixels span; None when all are outside."""
        x0, y0 = np.maximum(np.floor(points.min(axis=0)).astype(int) - 1, 0)
        x1, y1 = np.minimum(np.ceil(points.max(axis=0)).astype(int) + 2, self.shape_ids.shape[::-1])
        return (slice(int(y0), int(y1)), slice(int(x0), int(x1))) if x0 < x1 and y0 < y1 else None

    def _paint_shape(
        self, shape: Shape, surface: NDArray[np.float32], figure_window: tuple[slice, slice], index: int | None
    ) -> None:
        """Paint a shape with its part of the figure's surface; `index` is that of the figure, None for clutter."""
        polygon = shape.polygon * SCALE
        window = self._window(polygon)
        if window is None:
            return
        rows, columns = window
        inside = fill(polygon - [columns.start, rows.start], *self.shape_ids[window].shape)
        top, left = rows.start - figure_window[0].start, columns.start - figure_window[1].start
        colours = surface[top : top + inside.shape[0], left : left + inside.shape[1]]
        shade = shape.brightness * (round_shade(inside, shape.roundness, self.light) if shape.roundness else 1.0)
        mask = inside.astype(bool)
        self.colours[window][mask] = (colours * np.asarray(shade)[..., None])[mask]
        if index is not None:
            self.painted.append((index, shape))
        self.shape_ids[window][mask] = 0 if index is None else len(self.painted)


def fill(polygon: NDArray[np.float64], height: int, width: int) -> NDArray[np.uint8]:
    """Rasterise a polygon (n, 2) in pixels: (height, width), 1 inside and on its outline, 0 elsewhere."""
    canvas = np.zeros((height, width), dtype=np.uint8)
    # OpenCV puts the origin at a pixel's centre, this package at its corner. Clipping avoids fixed-point overflow.
    points = np.clip(np.rint((polygon - 0.5) * 2**_FRACTION_BITS), -(2**24), 2**24).astype(np.int32)
    cv2.fillPoly(canvas, [points], 1, lineType=cv2.LINE_8, shift=_FRACTION_BITS)
    return canvas


def round_shade(inside: NDArray[np.uint8], roundness: float, light: Light) -> NDArray[np.float32]:
    """Shade a silhouette (height, width) as if it were round: brightest where its edge faces the light.

    Returns
    -------
    (height, width) factors of brightness, about 1.
    """
    depth = cv2.distanceTransform(np.pad(inside, 1), cv2.DIST_L2, 3)
    edge = 1 - depth / max(float(depth.max()), 1e-6)
    slope_x, slope_y = (cv2.Sobel(depth, cv2.CV_32F, dx, dy, ksize=3, scale=1 / 8) for dx, dy in ((1, 0), (0, 1)))
    towards_light = -(slope_x * light.direction[0] + slope_y * light.direction[1])
    shade = 1 + roundness * (light.contrast * edge * towards_light - 0.22 * edge**2 + 0.06)
    return np.asarray(shade[1:-1, 1:-1], dtype=np.float32)


def majority(values: NDArray[np.int32]) -> NDArray[np.int32]:
    """Reduce (2 height, 2 width) to (height, width): the most frequent value of each 2 x 2 block, largest on a tie.

    Examples
    --------
    >>> majority(np.array([[1, 1, 2, 3], [1, 4, 3, 2]]))
    array([[1, 3]])
    """
    height, width = values.shape[0] // 2, values.shape[1] // 2
    blocks = np.sort(values.reshape(height, 2, width, 2).transpose(0, 2, 1, 3).reshape(height, width, 4), axis=-1)
    a, b, c, d = np.moveaxis(blocks, -1, 0)
    return np.select([c == d, b == c, a == b], [d, b, a], default=d)
