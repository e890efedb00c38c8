"""Draw horses that stand, walk, trot or graze; one unit is the height of the withers."""

from dataclasses import dataclass

import numpy as np

from hypercolumns.annotations.model import Category
from hypercolumns.puppets.materials import COATS, Material, Pattern, pick, plain
from hypercolumns.puppets.shapes import SIDES, Figure, Keypoint, Point, Shape, View, far_to_near, hull, keypoint

_LEGS = ("left_front", "right_front", "left_hind", "right_hind")

_HEAD = ("head", "muzzle", "left_eye", "right_eye", "left_ear", "right_ear", "mane")
_SHOWN_ON = {
    **dict.fromkeys(("nose", "left_eye", "right_eye"), _HEAD),
    "poll": (*_HEAD, "neck"),
    "withers": ("torso", "neck", "mane"),
    "tail_base": ("torso", "tail"),
    **{
        f"{leg}_{joint}": (f"{leg}_{above}", f"{leg}_{below}")
        for leg in _LEGS
        for joint, above, below in (("knee", "upper", "lower"), ("hoof", "lower", "hoof"))
    },
}
"""Keypoints in the category's order, each with the shapes on which it may be visible."""

CATEGORY = Category(
    id=2,
    name="horse",
    keypoints=tuple(_SHOWN_ON),
    skeleton=((1, 4), (4, 5), (5, 6), (5, 7), (7, 8), (5, 9), (9, 10), (6, 11), (11, 12), (6, 13), (13, 14)),
    parts=("head", "neck", "torso", "legs", "tail"),
)


@dataclass(frozen=True)
class _Pose:
    """Angles in radians: neck and head above the horizontal, forward swing and bend of each leg, tail from vertical."""

    neck: float
    head: float
    swing: list[float]
    bend: list[float]
    tail: float


def draw(rng: np.random.Generator, view: View, size: float) -> Figure:
    """Draw a horse in a random pose, about `size` pixels tall with its head raised; `view.scale` is pixels per unit."""
    girth, length = rng.uniform(0.9, 1.12), rng.uniform(0.92, 1.1)
    joints = _joints(_pose(rng), length)
    coat = pick(rng, COATS)
    mane = pick(rng, COATS[:5]) if rng.random() < 0.6 else coat
    pattern: Pattern = "patches" if rng.random() < 0.3 else "plain"
    materials = {
        "coat": Material(pattern, coat, pick(rng, COATS), rng.uniform(0.1, 0.3) * size, 0, 0.16),
        "mane": plain(mane, 0.3),
        "muzzle": plain((coat[0] * 0.6, coat[1] * 0.58, coat[2] * 0.58)),
        "hooves": plain((52, 46, 42)),
        "eyes": plain((20, 16, 14), 0),
    }
    shapes = _torso_and_tail(view, joints, girth) + _neck_and_head(view, joints, girth)
    for leg in _LEGS:
        shapes += _leg(view, joints, leg, girth)
    return Figure("horse", far_to_near(shapes), materials, _keypoints(view, joints))


def _pose(rng: np.random.Generator) -> _Pose:
    kind = rng.choice(["stand", "walk", "trot", "graze"], p=[0.25, 0.25, 0.35, 0.15])
    reach = {"stand": 0.06, "walk": 0.3, "trot": 0.55, "graze": 0.12}[kind] * rng.uniform(0.7, 1.2)
    phase = rng.choice([-1, 1])
    # Diagonal legs move together: left front with right hind.
    swing = [phase * sign * reach + rng.normal(0, 0.05) for sign in (1, -1, -1, 1)]
    lift = rng.uniform(0.2, 1.4) if kind == "trot" else 0.0
    bend = [-s * rng.uniform(0.6, 1.5) if s < 0 else s * lift for s in swing]
    neck = rng.uniform(-0.75, -0.5) if kind == "graze" else rng.uniform(0.55, 1.1)
    head = rng.uniform(-1.3, -1.0) if kind == "graze" else rng.uniform(-0.95, -0.45)
    return _Pose(neck, head, swing, bend, tail=rng.uniform(0.15, 0.9))


def _forward(angle: float) -> Point:
    """Unit vector raised by `angle` from straight ahead."""
    return np.array([0.0, np.sin(angle), np.cos(angle)])


def _down(angle: float) -> Point:
    """Unit vector swung forward by `angle` from straight down."""
    return np.array([0.0, -np.cos(angle), np.sin(angle)])


def _joints(pose: _Pose, length: float) -> dict[str, Point]:
    """Place the joints of a horse that stands on the ground."""
    neck = np.array([0, 0.08, 0.46 * length])
    poll = neck + 0.56 * _forward(pose.neck)
    tail_base = np.array([0, 0.15, -0.56 * length])
    tail_middle = tail_base + 0.28 * _down(-pose.tail)
    joints: dict[str, Point] = {
        "chest": np.array([0, 0.0, 0.4 * length]),
        "belly": np.array([0, -0.03, 0.0]),
        "croup": np.array([0, 0.05, -0.4 * length]),
        "withers": np.array([0, 0.2, 0.3 * length]),
        "neck": neck,
        "poll": poll,
        "nose": poll + 0.4 * _forward(pose.head),
        "ear": poll + 0.16 * _forward(pose.head + 1.9),
        **{f"{side}_eye": poll + 0.12 * _forward(pose.head) + np.array([sign * 0.05, 0, 0]) for side, sign in SIDES},
        "tail_base": tail_base,
        "tail_middle": tail_middle,
        "tail_end": tail_middle + 0.3 * _down(-0.3 * pose.tail),
    }
    for leg, swing, bend in zip(_LEGS, pose.swing, pose.bend, strict=True):
        sign = 1 if leg.startswith("left") else -1
        z, reach, upper, lower = (0.36, 0.36, 0.0, 0.0) if leg.endswith("front") else (-0.42, 0.38, -0.22, 0.3)
        top = np.array([sign * 0.1, -0.02, z * length])
        knee = top + reach * _down(swing + upper)
        hoof = knee + 0.37 * _down(swing + upper + lower - bend)
        joints |= {f"{leg}_top": top, f"{leg}_knee": knee, f"{leg}_hoof": hoof}
    lowest = min(float(joints[f"{leg}_hoof"][1]) for leg in _LEGS)
    return {name: point + np.array([0, 0.03 - lowest, 0]) for name, point in joints.items()}


def _torso_and_tail(view: View, joints: dict[str, Point], girth: float) -> list[Shape]:
    torso = [(joints[name], radius * girth) for name, radius in (("chest", 0.19), ("belly", 0.2), ("croup", 0.185))]
    torso.append((joints["withers"] - np.array([0, 0.1, 0]), 0.1 * girth))
    base, middle, end = (joints["tail_base"], 0.035), (joints["tail_middle"], 0.06), (joints["tail_end"], 0.02)
    return [
        hull(view, "torso", "torso", "coat", torso),
        hull(view, "tail", "tail", "mane", [base, middle], nearer=0.01),
        hull(view, "tail_end", "tail", "mane", [middle, end], nearer=0.015),
    ]


def _neck_and_head(view: View, joints: dict[str, Point], girth: float) -> list[Shape]:
    neck, poll, nose, ear = joints["neck"], joints["poll"], joints["nose"], joints["ear"]
    upright = (ear - poll) / np.linalg.norm(ear - poll)
    mane_top, mane_middle = poll + 0.05 * upright, 0.5 * (neck + poll) + 0.09 * upright
    mane_end = joints["withers"] + np.array([0, -0.05, 0.06])
    cheek, lip = poll + 0.3 * (nose - poll), poll + 0.85 * (nose - poll)
    shapes = [
        hull(view, "neck", "neck", "coat", [(neck, 0.17 * girth), (poll, 0.075)], nearer=0.02),
        hull(view, "mane", "neck", "mane", [(mane_top, 0.03), (mane_end, 0.035), (mane_middle, 0.05)], nearer=0.03),
        hull(view, "head", "head", "coat", [(poll, 0.07), (cheek, 0.088), (nose, 0.05)], nearer=0.04),
        hull(view, "muzzle", "head", "muzzle", [(nose, 0.052), (lip, 0.055)], nearer=0.06),
    ]
    for side, sign in SIDES:
        base, tip = poll + np.array([sign * 0.04, 0.02, 0]), ear + np.array([sign * 0.055, 0, 0])
        shapes.append(hull(view, f"{side}_ear", "head", "coat", [(base, 0.028), (tip, 0.008)], nearer=0.035))
        if _eye_faces(view, sign):
            shapes.append(hull(view, f"{side}_eye", "head", "eyes", [(joints[f"{side}_eye"], 0.014)], nearer=0.2))
    return shapes


def _eye_faces(view: View, sign: float) -> bool:
    """Whether the eye on the side with this sign of x looks towards the camera."""
    return view.nearness([sign, 0, 0.3]) > 0.1


def _leg(view: View, joints: dict[str, Point], leg: str, girth: float) -> list[Shape]:
    top, knee, hoof = (joints[f"{leg}_{name}"] for name in ("top", "knee", "hoof"))
    top_radius = 0.1 if leg.endswith("front") else 0.135
    fetlock = knee + 0.86 * (hoof - knee)
    # Offsets are small so that the upper ends of the near legs blend into the torso.
    return [
        hull(view, f"{leg}_upper", "legs", "coat", [(top, top_radius * girth), (knee, 0.048 * girth)]),
        hull(view, f"{leg}_lower", "legs", "coat", [(knee, 0.045 * girth), (fetlock, 0.034 * girth)], nearer=0.005),
        hull(view, f"{leg}_hoof", "legs", "hooves", [(fetlock, 0.034), (hoof, 0.042)], nearer=0.01),
    ]


def _keypoints(view: View, joints: dict[str, Point]) -> tuple[Keypoint, ...]:
    hidden = {f"{side}_eye" for side, sign in SIDES if not _eye_faces(view, sign)}
    return tuple(keypoint(view, name, joints[name], on, name not in hidden) for name, on in _SHOWN_ON.items())
