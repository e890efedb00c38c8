"""The picture and, pixel by pixel, which shape was painted last there: masks are what was painted, nothing else."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from hypercolumns.puppets.materials import texture
from hypercolumns.puppets.photographs import SourcePhotographs
from hypercolumns.puppets.shapes import Figure, Shape

SCALE = 2
"""Canvas pixels per picture pixel along each axis; edges are smooth because four of them make one."""

_FRACTION_BITS = 4
_SHADOW = 0.55


@dataclass(frozen=True)
class Light:
    """Unit vector in the picture (x right, y down) towards the light, and how strongly it models bodies."""

    direction: tuple[float, float]
    contrast: float


@dataclass
class Canvas:
    """Painted from far to near. `colours` is (2 height, 2 width, 3) in 0..255, `numbers` (2 height, 2 width).

    Number 0 is background and clutter; number i > 0 is `painted[i - 1]`, a figure's index and a shape of it.
    """

    colours: NDArray[np.float32]
    light: Light
    photographs: SourcePhotographs
    numbers: NDArray[np.int32] = field(init=False)
    painted: list[tuple[int, Shape]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.numbers = np.zeros(self.colours.shape[:2], dtype=np.int32)

    def paint(self, index: int, figure: Figure, rng: np.random.Generator) -> None:
        """Paint a figure over what is there; `index` is how `painted` refers to it."""
        everything = np.concatenate([shape.polygon for shape in figure.shapes]) * SCALE
        window = self._window(everything)
        if window is None:
            return
        rows, columns = window
        size = (rows.stop - rows.start, columns.stop - columns.start)
        surfaces = {
            name: texture(material, rng, *size, SCALE, self.photographs)
            for name, material in sorted(figure.materials.items())
        }
        for shape in figure.shapes:
            self._paint_shape(index, shape, surfaces[shape.material], window, annotated=figure.category is not None)

    def shade_ground(self, x: float, y: float, width: float, height: float) -> None:
        """A soft shadow: an ellipse (centre and half axes in picture pixels) that darkens what is there."""
        ring = np.stack([np.cos(np.arange(24) * np.pi / 12), np.sin(np.arange(24) * np.pi / 12)], axis=1)
        window = self._window((np.array([x, y]) + 1.3 * ring * [width, height]) * SCALE)
        if window is None:
            return
        rows, columns = (np.arange(s.start, s.stop) + 0.5 for s in window)
        distance = ((columns[None] / SCALE - x) / width) ** 2 + ((rows[:, None] / SCALE - y) / height) ** 2
        self.colours[window] *= (1 - _SHADOW * np.clip(1.2 - distance, 0, 1))[..., None].astype(np.float32)

    def finish(self) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """The picture (height, width, 3) and its numbers (height, width)."""
        height, width = self.numbers.shape[0] // SCALE, self.numbers.shape[1] // SCALE
        colours = cv2.resize(self.colours, (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(colours, dtype=np.float32), majority(self.numbers)

    def _window(self, points: NDArray[np.float64]) -> tuple[slice, slice] | None:
        """The part of the canvas that points (n, 2) in canvas pixels span; None when it is outside."""
        height, width = self.numbers.shape
        x0, y0 = np.maximum(np.floor(points.min(axis=0)).astype(int) - 1, 0)
        x1, y1 = np.minimum(np.ceil(points.max(axis=0)).astype(int) + 2, [width, height])
        return (slice(int(y0), int(y1)), slice(int(x0), int(x1))) if x0 < x1 and y0 < y1 else None

    def _paint_shape(
        self, index: int, shape: Shape, surface: NDArray[np.float32], window: tuple[slice, slice], annotated: bool
    ) -> None:
        own = self._window(shape.polygon * SCALE)
        if own is None:
            return
        rows, columns = own
        inside = fill(
            shape.polygon * SCALE - [columns.start, rows.start], rows.stop - rows.start, columns.stop - columns.start
        )
        top, left = rows.start - window[0].start, columns.start - window[1].start
        colours = surface[top : top + inside.shape[0], left : left + inside.shape[1]]
        shade = shape.brightness * (round_shade(inside, shape.roundness, self.light) if shape.roundness else 1.0)
        chosen = inside.astype(bool)
        self.colours[own][chosen] = (colours * np.asarray(shade)[..., None])[chosen]
        if annotated:
            self.painted.append((index, shape))
        self.numbers[own][chosen] = len(self.painted) if annotated else 0


def fill(polygon: NDArray[np.float64], height: int, width: int) -> NDArray[np.uint8]:
    """1 inside a polygon (n, 2) given in pixels of a (height, width) canvas, its outline included."""
    canvas = np.zeros((height, width), dtype=np.uint8)
    # OpenCV counts from pixel centres, we from corners; bounds keep its fixed-point numbers from overflowing.
    points = np.clip(np.rint((polygon - 0.5) * 2**_FRACTION_BITS), -(2**24), 2**24).astype(np.int32)
    cv2.fillPoly(canvas, [points], 1, lineType=cv2.LINE_8, shift=_FRACTION_BITS)
    return canvas


def round_shade(inside: NDArray[np.uint8], roundness: float, light: Light) -> NDArray[np.float32]:
    """Brightness (height, width) of a silhouette as if it were round: lit where its edge faces the light."""
    depth = cv2.distanceTransform(np.pad(inside, 1), cv2.DIST_L2, 3)
    edge = 1 - depth / max(float(depth.max()), 1e-6)
    slope_x = cv2.Sobel(depth, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    slope_y = cv2.Sobel(depth, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    towards = -(slope_x * light.direction[0] + slope_y * light.direction[1])
    shade = 1 + roundness * (light.contrast * edge * towards - 0.22 * edge**2 + 0.06)
    return np.asarray(shade[1:-1, 1:-1], dtype=np.float32)


def majority(numbers: NDArray[np.int32]) -> NDArray[np.int32]:
    """Of each 2 x 2 block the most frequent number, of equally frequent ones the largest; (2h, 2w) to (h, w)."""
    height, width = numbers.shape[0] // 2, numbers.shape[1] // 2
    blocks = np.sort(numbers.reshape(height, 2, width, 2).transpose(0, 2, 1, 3).reshape(height, width, 4), axis=-1)
    a, b, c, d = np.moveaxis(blocks, -1, 0)
    all_differ = (a != b) & (b != c) & (c != d)
    return np.where(all_differ, d, np.where(c == d, d, np.where(b == c, b, a)))
