"""Building blocks of figures: shapes in three dimensions, projected to polygons and painted from far to near."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from hypercolumns.puppets.materials import Material

Point = NDArray[np.float64]
"""A point or vector (3,), or several (n, 3), in a figure's units."""

Ball = tuple[Point, float]
"""Centre (3,) and radius of a ball, in a figure's units."""

SIDES = (("left", 1.0), ("right", -1.0))
"""The sides of a figure and the sign of x on each."""

_CIRCLE = np.stack([np.cos(np.arange(20) * np.pi / 10), np.sin(np.arange(20) * np.pi / 10)], axis=1)


@dataclass(frozen=True)
class View:
    """Parallel projection of a figure onto the picture.

    A figure's axes are x to its left, y up and z forward; the ground is y = 0.

    Attributes
    ----------
    yaw
        Radians; 0 faces the camera, pi / 2 the right edge of the picture.
    pitch
        Radians by which the camera looks down.
    scale
        Picture pixels per unit.
    foot
        Pixel x, y of the origin.
    """

    yaw: float
    pitch: float
    scale: float
    foot: tuple[float, float]

    def project(self, points: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Project points (..., 3) to pixels (..., 2) and nearness (...) to the camera, in units.

        Examples
        --------
        >>> pixel, nearness = View(yaw=0.0, pitch=0.0, scale=10.0, foot=(50.0, 80.0)).project([1, 2, 3])
        >>> pixel.tolist(), nearness.tolist()
        ([60.0, 60.0], 3.0)
        """
        x, y, z = np.moveaxis(np.asarray(points, dtype=np.float64), -1, 0)
        right = x * np.cos(self.yaw) + z * np.sin(self.yaw)
        forward = z * np.cos(self.yaw) - x * np.sin(self.yaw)
        up = y * np.cos(self.pitch) - forward * np.sin(self.pitch)
        pixels = np.stack([self.foot[0] + self.scale * right, self.foot[1] - self.scale * up], axis=-1)
        return pixels, forward * np.cos(self.pitch) + y * np.sin(self.pitch)

    def nearness(self, direction: ArrayLike) -> float:
        """Component of a direction (3,) towards the camera: -1 .. 1 for unit vectors."""
        return float(self.project(direction)[1])


@dataclass(frozen=True)
class Shape:
    """A polygon of a figure, with its surface and its place in the painting order.

    Attributes
    ----------
    name
        Unique within the figure.
    part
        Annotated part that the shape belongs to; None when it belongs to the figure only.
    material
        Key of the figure's `materials`.
    polygon
        (n, 2) picture pixels.
    nearness
        Sort key of the painting order, in units towards the camera.
    roundness
        0 is flat, 1 is shaded like a round body.
    brightness
        Factor on the colours of the material.
    """

    name: str
    part: str | None
    material: str
    polygon: NDArray[np.float64]
    nearness: float = 0.0
    roundness: float = 1.0
    brightness: float = 1.0


@dataclass(frozen=True)
class Keypoint:
    """A keypoint at a pixel x, y; visible where a shape named in `on` shows, provided it is `facing` the camera."""

    name: str
    position: tuple[float, float]
    on: frozenset[str]
    facing: bool = True


@dataclass(frozen=True)
class Figure:
    """Shapes in painting order and the materials they use; clutter has no `category` and is not annotated."""

    category: str | None
    shapes: tuple[Shape, ...]
    materials: Mapping[str, Material]
    keypoints: tuple[Keypoint, ...] = ()


def hull(view: View, name: str, part: str, material: str, balls: Sequence[Ball], nearer: float = 0.0) -> Shape:
    """Make a round shape: the convex hull of the projected balls, two for a limb, more for a torso.

    `nearer` moves it towards the camera in the painting order, in units.
    """
    centres, nearness = view.project([centre for centre, _ in balls])
    circles = [pixel + radius * view.scale * _CIRCLE for pixel, (_, radius) in zip(centres, balls, strict=True)]
    polygon = cv2.convexHull(np.concatenate(circles).astype(np.float32))[:, 0].astype(np.float64)
    return Shape(name, part, material, polygon, float(nearness.mean()) + nearer)


def panel(view: View, name: str, part: str, material: str, corners: ArrayLike, brightness: float = 1.0) -> Shape:
    """Make a flat shape: the polygon through `corners` (n, 3)."""
    pixels, nearness = view.project(corners)
    return Shape(name, part, material, pixels, float(nearness.mean()), 0.0, brightness)


def far_to_near(shapes: Sequence[Shape]) -> tuple[Shape, ...]:
    """Sort shapes into painting order; equally near ones keep their order."""
    return tuple(sorted(shapes, key=lambda shape: shape.nearness))


def keypoint(view: View, name: str, point: ArrayLike, on: Sequence[str], facing: bool = True) -> Keypoint:
    """Make the keypoint at `point` (3,) of a figure; `on` and `facing` as in `Keypoint`."""
    (x, y), _ = view.project(point)
    return Keypoint(name, (float(x), float(y)), frozenset(on), facing)
