"""What figures are made of: shapes in three dimensions, seen from a direction and painted far to near."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from hypercolumns.puppets.materials import Material

SIDES = (("left", 1.0), ("right", -1.0))
"""Names of a figure's sides and the sign of x there."""

_CIRCLE = np.stack([np.cos(np.arange(20) * np.pi / 10), np.sin(np.arange(20) * np.pi / 10)], axis=1)


@dataclass(frozen=True)
class View:
    """How a figure stands before the camera (parallel projection).

    Figures live in their own units: x to their left, y up, z forward, ground at y = 0. With `yaw` 0 they face the
    camera, with pi / 2 they face the right of the picture; the camera looks down by `pitch`. `foot` is the pixel of
    the point 0, 0, 0 and `scale` pixels per unit.
    """

    yaw: float
    pitch: float
    scale: float
    foot: tuple[float, float]

    def project(self, points: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Pixels (..., 2) and nearness (...), in units, of points (..., 3)."""
        x, y, z = np.moveaxis(np.asarray(points, dtype=np.float64), -1, 0)
        right = x * np.cos(self.yaw) + z * np.sin(self.yaw)
        forward = z * np.cos(self.yaw) - x * np.sin(self.yaw)
        up = y * np.cos(self.pitch) - forward * np.sin(self.pitch)
        pixels = np.stack([self.foot[0] + self.scale * right, self.foot[1] - self.scale * up], axis=-1)
        return pixels, forward * np.cos(self.pitch) + y * np.sin(self.pitch)

    def nearness(self, direction: ArrayLike) -> float:
        """How much a direction (3,) points to the camera, -1 .. 1 for unit vectors."""
        return float(self.project(direction)[1])


@dataclass(frozen=True)
class Shape:
    """A polygon (n, 2) in picture pixels; the later ones of a figure hide the earlier.

    `name` is unique in its figure, `part` is the annotated part (None: belongs to the figure, to no part).
    """

    name: str
    part: str | None
    material: str
    polygon: NDArray[np.float64]
    near: float = 0.0
    roundness: float = 1.0
    """0: flat, 1: shaded like a body."""
    brightness: float = 1.0


@dataclass(frozen=True)
class Keypoint:
    """A keypoint at a pixel; it is visible where one of the shapes `on` is, if it lies on the `facing` side."""

    name: str
    position: tuple[float, float]
    on: frozenset[str]
    facing: bool = True


@dataclass(frozen=True)
class Figure:
    """Shapes in painting order with their materials; `category` None makes it clutter that is not annotated."""

    category: str | None
    shapes: tuple[Shape, ...]
    materials: Mapping[str, Material]
    keypoints: tuple[Keypoint, ...] = ()


@dataclass(frozen=True)
class Ball:
    """A ball: its centre (3,) and radius in a figure's units."""

    centre: NDArray[np.float64]
    radius: float


def body(view: View, name: str, part: str | None, material: str, balls: Sequence[Ball], nearer: float = 0.0) -> Shape:
    """The hull of some balls (a limb of two, a torso of more); `nearer` is added to its depth for sorting."""
    centres, near = view.project(np.array([ball.centre for ball in balls]))
    circles = [centre + ball.radius * view.scale * _CIRCLE for centre, ball in zip(centres, balls, strict=True)]
    hull = cv2.convexHull(np.concatenate(circles).astype(np.float32))[:, 0].astype(np.float64)
    return Shape(name, part, material, hull, float(near.mean()) + nearer)


def flat(view: View, name: str, part: str | None, material: str, corners: ArrayLike, brightness: float = 1.0) -> Shape:
    """A flat polygon through the points `corners` (n, 3)."""
    pixels, near = view.project(corners)
    return Shape(name, part, material, pixels, float(near.mean()), 0.0, brightness)


def far_to_near(shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    return tuple(sorted(shapes, key=lambda shape: shape.near))


def keypoint(view: View, name: str, point: ArrayLike, on: Sequence[str], facing: bool = True) -> Keypoint:
    """The keypoint at a point (3,) of a figure."""
    (x, y), _ = view.project(point)
    return Keypoint(name, (float(x), float(y)), frozenset(on), facing)
