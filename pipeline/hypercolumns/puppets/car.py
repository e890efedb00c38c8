"""Draw cars of several body shapes: a side profile extruded to a width, seen from any side; units are metres."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from hypercolumns.annotations.model import Category
from hypercolumns.puppets.materials import Material, any_colour, plain
from hypercolumns.puppets.shapes import SIDES, Figure, Keypoint, Point, Shape, View, hull, keypoint, panel

_WHEELS = ("left_front_wheel", "right_front_wheel", "left_back_wheel", "right_back_wheel")
_LIGHTS = ("left_headlight", "right_headlight", "left_taillight", "right_taillight")
_ROOF = ("roof_front_left", "roof_front_right", "roof_back_left", "roof_back_right")

CATEGORY = Category(
    id=3,
    name="car",
    keypoints=(*_WHEELS, *_LIGHTS, *_ROOF),
    skeleton=(
        (1, 3), (2, 4), (1, 2), (3, 4), (5, 6), (7, 8), (5, 7), (6, 8), (9, 10), (11, 12), (9, 11), (10, 12),
        (5, 9), (6, 10), (7, 11), (8, 12),
    ),
    parts=("body", "windows", "wheels", "lights"),
)  # fmt: skip

_WHEEL_RADIUS = 0.34
_FLOOR = 0.26
"""Height of the lower edge of the body."""
_HALF_WIDTH = 0.86
_ROOF_HALF_WIDTH = 0.7


@dataclass(frozen=True)
class _Profile:
    """Dimensions of the side view, z forward and y up.

    Attributes
    ----------
    length
        From bumper to bumper.
    bonnet
        Height at its front edge and at the windscreen.
    windscreen
        z of its lower and upper end.
    roof
        Height.
    rear_window
        z of its upper and lower end.
    boot
        Height at its rear edge.
    """

    length: float
    bonnet: tuple[float, float]
    windscreen: tuple[float, float]
    roof: float
    rear_window: tuple[float, float]
    boot: float

    def outline(self) -> list[tuple[float, float]]:
        """List the points z, y of the profile, from the lower front over the roof to the lower rear."""
        front, back = self.length / 2, -self.length / 2
        return [
            (front - 0.04, _FLOOR), (front, 0.5), (front - 0.06, self.bonnet[0]),
            (self.windscreen[0], self.bonnet[1]), (self.windscreen[1], self.roof),
            (self.rear_window[0], self.roof - 0.02), (self.rear_window[1], max(self.boot, 0.92)),
            (back + 0.04, self.boot), (back, 0.5), (back + 0.05, _FLOOR),
        ]  # fmt: skip

    def point(self, side: float, z: float, y: float) -> Point:
        """Locate the point z, y of the profile on a side of the car: 1 is left, -1 is right.

        The width is constant up to the windows, then narrows to the roof.
        """
        share = np.clip((y - self.bonnet[1]) / (self.roof - self.bonnet[1]), 0, 1)
        return np.array([side * (_HALF_WIDTH + share * (_ROOF_HALF_WIDTH - _HALF_WIDTH)), y, z])

    def lamps(self) -> dict[str, tuple[float, float]]:
        """Map each kind of light to its end of the car (1 front, -1 back) and the height of its upper edge."""
        return {"headlight": (1.0, self.bonnet[0] - 0.04), "taillight": (-1.0, self.boot - 0.08)}

    def axles(self) -> dict[str, float]:
        """Map each axle to its z."""
        return {"front": self.length * 0.31, "back": -self.length * 0.3}


_PROFILES = (
    _Profile(4.5, (0.74, 0.95), (1.0, 0.35), 1.43, (-0.85, -1.55), 0.98),  # saloon
    _Profile(3.9, (0.76, 0.97), (1.05, 0.5), 1.5, (-1.45, -1.85), 0.95),  # hatchback
    _Profile(4.5, (0.9, 1.1), (1.15, 0.7), 1.72, (-1.9, -2.15), 1.1),  # off-road
    _Profile(4.7, (1.0, 1.15), (1.9, 1.35), 2.05, (-2.2, -2.3), 1.1),  # van
    _Profile(4.3, (0.66, 0.86), (0.75, -0.05), 1.25, (-0.7, -1.7), 0.9),  # coupe
    _Profile(5.0, (0.9, 1.08), (1.15, 0.65), 1.7, (-0.35, -0.5), 1.06),  # pick-up
)


def draw(rng: np.random.Generator, view: View, size: float) -> Figure:
    """Draw a car of random body shape and paint, about `size` pixels long; `view.scale` is pixels per metre."""
    profile = _PROFILES[rng.integers(len(_PROFILES))]
    paint = any_colour(rng)
    wrapped = rng.random() < 0.2
    glass = float(rng.uniform(25, 95))
    materials = {
        "paint": Material("photograph" if wrapped else "plain", paint, paint, size * 0.1, 0.0, rng.uniform(0.03, 0.12)),
        "glass": Material("patches", (glass, glass * 1.05, glass * 1.15), (glass + 70,) * 3, size * 0.09, 0.0, 0.1),
        "rubber": plain((30, 30, 32), 0.15),
        "hub": plain((float(rng.uniform(90, 190)),) * 3, 0.15),
        "dark": plain((22, 22, 24), 0.1),
        "headlight": plain((238, 234, 206), 0.05),
        "taillight": plain((186, 26, 24), 0.08),
        "plate": plain((226, 224, 206), 0.05),
    }
    near_side = 1.0 if view.nearness([1, 0, 0]) > 0 else -1.0
    # From far to near.
    shapes = [*_wheels(view, profile, -near_side), _underside(view, profile), *_faces(view, profile)]
    shapes += _side(view, profile, near_side) + _lights(view, profile, near_side) + _plates(view, profile)
    shapes += _wheels(view, profile, near_side)
    return Figure("car", tuple(shapes), materials, _keypoints(view, profile))


def _underside(view: View, profile: _Profile) -> Shape:
    reach = profile.length / 2 - 0.15
    corners = [(side * 0.8, 0.2 + lift, z) for side in (-1, 1) for z in (reach, -reach) for lift in (0, 0.1)]
    return hull(view, "underside", "body", "dark", [(np.array(corner), 0.02) for corner in corners])


def _faces(view: View, profile: _Profile) -> list[Shape]:
    """Draw front, bonnet, windscreen, roof, rear window, boot and back where they face the camera."""
    names = ("bumper", "front", "bonnet", "windscreen", "roof", "rear_window", "boot", "back", "rear_bumper")
    shapes = []
    for name, ((z0, y0), (z1, y1)) in zip(names, pairwise(profile.outline()), strict=True):
        normal = np.array([0.0, z0 - z1, y1 - y0])
        normal /= np.linalg.norm(normal)
        if view.nearness(normal) <= 0.01:
            continue
        ends = ((1, z0, y0), (-1, z0, y0), (-1, z1, y1), (1, z1, y1))
        corners = np.array([profile.point(*end) for end in ends])
        shapes.append(panel(view, name, "body", "paint", corners, 0.8 + 0.35 * float(normal[1])))
        if name in ("windscreen", "rear_window"):
            centre = corners.mean(axis=0)
            glass = centre + 0.88 * (corners - centre)
            shapes.append(panel(view, f"{name}_glass", "windows", "glass", glass, 1.15))
    return shapes


def _side(view: View, profile: _Profile, side: float) -> list[Shape]:
    """Draw the near side; windows, sill and door lines are left out when it is seen edge on."""
    shapes = [panel(view, "side", "body", "paint", [profile.point(side, z, y) for z, y in profile.outline()], 0.9)]
    if abs(view.nearness([1, 0, 0])) < 0.12:
        return shapes
    low, high = profile.bonnet[1] + 0.04, profile.roof - 0.1
    front = (profile.windscreen[0] - 0.12, profile.windscreen[1] - 0.02)
    back = (profile.rear_window[1] + 0.22, profile.rear_window[0] + 0.06)
    middle, door, sill = 0.5 * (front[1] + back[1]), front[0] - 0.1, profile.length / 2 - 0.3
    # Name, part, material, z of one edge and of the other (lower and upper end), y of both ends, brightness.
    quads = (
        ("front_window", "windows", "glass", front, (middle + 0.05,) * 2, (low, high), 1.0),
        ("back_window", "windows", "glass", (middle - 0.05,) * 2, back, (low, high), 1.0),
        ("sill", "body", "dark", (sill,) * 2, (-sill,) * 2, (0.26, 0.36), 1.4),
        ("door_line", "body", "dark", (middle - 0.018,) * 2, (middle + 0.018,) * 2, (0.4, low), 1.5),
        ("front_door_line", "body", "dark", (door - 0.018,) * 2, (door + 0.018,) * 2, (0.4, low), 1.5),
    )
    for name, part, material, (a_low, a_high), (b_low, b_high), (y_low, y_high), brightness in quads:
        outline = ((a_low, y_low), (a_high, y_high), (b_high, y_high), (b_low, y_low))
        corners = [profile.point(side, z, y) for z, y in outline]
        shapes.append(panel(view, name, part, material, corners, brightness))
    return shapes


def _lights(view: View, profile: _Profile, near_side: float) -> list[Shape]:
    """Draw the lights; they wrap around the corner, so they also show from the side."""
    shapes = []
    for kind, (end, top) in profile.lamps().items():
        z, low = end * profile.length / 2, top - 0.17
        for name, side in SIDES:
            if view.nearness([0, 0, end]) > 0.05:
                quad = [(side * x, y, z - end * 0.03) for x, y in ((0.84, top), (0.5, top), (0.5, low), (0.84, low))]
                shapes.append(panel(view, f"{name}_{kind}", "lights", kind, quad))
            if side == near_side:
                inset = ((0.04, top), (0.3, top), (0.26, low), (0.02, low))
                quad = [(side * _HALF_WIDTH, y, z - end * depth) for depth, y in inset]
                shapes.append(panel(view, f"{name}_{kind}_around", "lights", kind, quad))
    return shapes


def _plates(view: View, profile: _Profile) -> list[Shape]:
    """Draw grille and number plate at the end that faces the camera."""
    shapes = []
    for name, end in (("front", 1.0), ("back", -1.0)):
        if view.nearness([0, 0, end]) > 0.05:
            for material, x, low, high in (("dark", 0.42, 0.5, 0.64), ("plate", 0.26, 0.36, 0.47)):
                z = end * profile.length / 2
                quad = [(x, high, z), (-x, high, z), (-x, low, z), (x, low, z)]
                shapes.append(panel(view, f"{name}_{material}", "body", material, quad))
    return shapes


def _disc(x: float, z: float, radius: float) -> Point:
    """Sample 24 points (24, 3) on the rim of a wheel-shaped disc at `x`, `z`, centred at the height of the axles."""
    angle = np.arange(24) * np.pi / 12
    return np.stack([np.full(24, x), _WHEEL_RADIUS + radius * np.sin(angle), z + radius * np.cos(angle)], axis=1)


def _wheels(view: View, profile: _Profile, side: float) -> list[Shape]:
    """Draw the two wheels of a side: tyre, hub and nut."""
    shapes = []
    for axle, z in profile.axles().items():
        wheel = f"{'left' if side > 0 else 'right'}_{axle}_wheel"
        rims = np.concatenate([_disc(side * x, z, _WHEEL_RADIUS) for x in (0.87, 0.66)])
        shapes.append(hull(view, wheel, "wheels", "rubber", [(point, 0.0) for point in rims]))
        if view.nearness([side, 0, 0]) > 0.1:
            shapes.append(panel(view, f"{wheel}_hub", "wheels", "hub", _disc(side * 0.875, z, 0.2)))
            shapes.append(panel(view, f"{wheel}_nut", "wheels", "rubber", _disc(side * 0.88, z, 0.06), 1.6))
    return shapes


def _keypoints(view: View, profile: _Profile) -> tuple[Keypoint, ...]:
    on_roof = ("roof", "windscreen", "windscreen_glass", "rear_window", "rear_window_glass", "side")
    points: dict[str, tuple[ArrayLike, tuple[str, ...]]] = {}
    for side, sign in SIDES:
        for axle, z in profile.axles().items():
            name = f"{side}_{axle}_wheel"
            points[name] = (sign * 0.87, _WHEEL_RADIUS, z), (name, f"{name}_hub", f"{name}_nut")
        for lamp, (end, top) in profile.lamps().items():
            name = f"{side}_{lamp}"
            points[name] = (sign * 0.84, top - 0.08, end * (profile.length / 2 - 0.03)), (name, f"{name}_around")
        for roof_end, z in (("front", profile.windscreen[1]), ("back", profile.rear_window[0])):
            points[f"roof_{roof_end}_{side}"] = profile.point(sign, z, profile.roof - 0.01), on_roof
    return tuple(keypoint(view, name, *points[name]) for name in CATEGORY.keypoints)
