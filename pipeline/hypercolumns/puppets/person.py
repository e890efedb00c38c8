"""Draw articulated people in many poses and clothes, seen from any side; one unit is about their height."""

from dataclasses import dataclass

import numpy as np

from hypercolumns.annotations.model import Category
from hypercolumns.puppets.materials import HAIR, SKIN, Material, any_colour, cloth, pick, plain
from hypercolumns.puppets.shapes import SIDES, Figure, Keypoint, Point, Shape, View, far_to_near, hull, keypoint

_FACE = ("face", "nose", "left_eye", "right_eye")
_SHOWN_ON = {"nose": _FACE} | {
    f"{side}_{joint}": tuple(shape.format(side) for shape in shapes)
    for joint, shapes in {
        "eye": _FACE,
        "ear": ("face", "hair"),
        "shoulder": ("{}_upper_arm", "torso"),
        "elbow": ("{}_upper_arm", "{}_lower_arm"),
        "wrist": ("{}_lower_arm", "{}_hand"),
        "hip": ("{}_upper_leg", "torso", "skirt"),
        "knee": ("{}_upper_leg", "{}_lower_leg", "skirt"),
        "ankle": ("{}_lower_leg", "{}_foot"),
    }.items()
    for side, _ in SIDES
}
"""Keypoints in COCO's order, each with the shapes on which it may be visible."""

CATEGORY = Category(
    id=1,
    name="person",
    keypoints=tuple(_SHOWN_ON),
    skeleton=(
        (16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13), (6, 7), (6, 8), (7, 9), (8, 10), (9, 11),
        (2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7),
    ),
    parts=("head", "torso", "upper_arms", "lower_arms", "upper_legs", "lower_legs"),
)  # fmt: skip
"""Keypoints and skeleton as in COCO."""

_HEAD_POINTS = {
    "nose": (0, -0.12, 1.02),
    "left_eye": (0.38, 0.18, 0.88), "right_eye": (-0.38, 0.18, 0.88),
    "left_ear": (0.95, 0.0, 0.0), "right_ear": (-0.95, 0.0, 0.0),
    "chin": (0, -0.75, 0.25), "crown": (0, 0.45, -0.05), "back_of_head": (0, 0.22, -0.35), "nape": (0, -0.5, -0.5),
}  # fmt: skip
"""Offsets from the centre of the head in radii of the head, which looks forward along z."""
_HEAD_RADIUS = 0.062


@dataclass(frozen=True)
class _Limb:
    """Angles in radians: the upper limb forward and sideways, and the bend of the knee or elbow."""

    forward: float
    sideways: float
    bend: float


def draw(rng: np.random.Generator, view: View, size: float) -> Figure:
    """Draw a person in a random pose, about `size` pixels tall when standing; `view.scale` must equal `size`."""
    girth, head_size = rng.uniform(0.85, 1.3), rng.uniform(0.95, 1.3)
    joints = _joints(*_pose(rng), head_size)
    forearm = "top" if rng.random() < 0.5 else "skin"
    bottoms = rng.choice(["trousers", "shorts", "skirt"], p=[0.6, 0.22, 0.18])
    materials: dict[str, Material] = {
        "skin": plain(pick(rng, SKIN), 0.06),
        "hair": plain(pick(rng, HAIR), 0.2),
        "top": cloth(rng, size),
        "bottom": cloth(rng, size),
        "shoes": plain(any_colour(rng)),
        "eyes": plain((30, 24, 24), 0),
    }
    shapes = [_torso(view, joints, girth), *_head(view, joints, _HEAD_RADIUS * head_size, rng)]
    shapes += _limbs(view, joints, girth, forearm, bottoms)
    if bottoms == "skirt":
        shapes.append(_skirt(view, joints, girth))
    return Figure("person", far_to_near(shapes), materials, _keypoints(view, joints))


def _pose(rng: np.random.Generator) -> tuple[float, list[_Limb], list[_Limb]]:
    """Choose the forward lean in radians, the arms and the legs, left before right."""
    kind = rng.choice(["stand", "walk", "run", "cheer", "crouch"], p=[0.25, 0.3, 0.2, 0.15, 0.1])
    swing = {"stand": 0.08, "walk": 0.5, "run": 0.95, "cheer": 0.3, "crouch": 0.15}[kind] * rng.uniform(0.6, 1.2)
    swing *= rng.choice([-1, 1])
    legs, arms = [], []
    for side in (1, -1):
        forward = side * swing
        bend = abs(swing) * rng.uniform(0.1, 0.5) if forward > 0 else abs(swing) * rng.uniform(0.3, 1.4)
        if kind == "crouch":
            forward, bend = rng.uniform(0.9, 1.5), rng.uniform(1.4, 2.1)
        legs.append(_Limb(forward, rng.uniform(0.0, 0.16), bend))
        if kind == "cheer" and rng.random() < 0.75:
            arms.append(_Limb(rng.uniform(-0.2, 0.5), rng.uniform(1.6, 2.8), rng.uniform(-0.2, 0.9)))
        else:
            elbow = rng.uniform(1.2, 1.9) if kind == "run" else rng.uniform(0.05, 0.8)
            arms.append(_Limb(-0.8 * side * swing + rng.normal(0, 0.12), rng.uniform(0.06, 0.4), elbow))
    lean = {"run": 0.2, "crouch": 0.45}.get(kind, 0.03) + rng.normal(0, 0.04)
    return lean, arms, legs


def _direction(forward: float, sideways: float, side: float) -> Point:
    """Unit vector of a hanging limb after it is turned forward and sideways; `side` is the sign of x."""
    return np.array([side * np.sin(sideways), -np.cos(sideways) * np.cos(forward), np.cos(sideways) * np.sin(forward)])


def _joints(lean: float, arms: list[_Limb], legs: list[_Limb], head_size: float) -> dict[str, Point]:
    """Place the joints of a person who stands on the ground; `up` is the direction of the spine."""
    up = np.array([0.0, np.cos(lean), np.sin(lean)])
    neck = 0.32 * up
    joints = {"up": up, "pelvis": np.zeros(3), "neck": neck, "head": neck + (0.065 + 0.03 * head_size) * up}
    for (side, sign), arm, leg in zip(SIDES, arms, legs, strict=True):
        hip = np.array([sign * 0.075, -0.01, 0.0])
        knee = hip + 0.245 * _direction(leg.forward, leg.sideways, sign)
        ankle = knee + 0.235 * _direction(leg.forward - leg.bend, leg.sideways * 0.5, sign)
        toes = ankle + 0.085 * _direction(leg.forward - leg.bend + 1.45, 0.1, sign)
        shoulder = 0.285 * up + np.array([sign * 0.115, 0, 0])
        elbow = shoulder + 0.165 * _direction(arm.forward, arm.sideways, sign)
        wrist = elbow + 0.15 * _direction(arm.forward + arm.bend, arm.sideways * 0.9, sign)
        hand = wrist + 0.04 * _direction(arm.forward + arm.bend, arm.sideways * 0.9, sign)
        names = ("hip", "knee", "ankle", "toes", "shoulder", "elbow", "wrist", "hand")
        points = (hip, knee, ankle, toes, shoulder, elbow, wrist, hand)
        joints |= {f"{side}_{name}": point for name, point in zip(names, points, strict=True)}
    lowest = min(float(joints[f"{side}_{end}"][1]) for side, _ in SIDES for end in ("ankle", "toes", "knee"))
    shift = np.array([0.0, 0.02 - lowest, 0.0])
    joints = {name: point if name == "up" else point + shift for name, point in joints.items()}
    radius = _HEAD_RADIUS * head_size
    return joints | {name: joints["head"] + radius * np.array(offset) for name, offset in _HEAD_POINTS.items()}


def _torso(view: View, joints: dict[str, Point], girth: float) -> Shape:
    corners = (("left_shoulder", 0.036), ("right_shoulder", 0.036), ("left_hip", 0.052), ("right_hip", 0.052))
    balls = [(joints[name], radius * girth) for name, radius in corners]
    balls.append((joints["neck"] - 0.1 * joints["up"], 0.085 * girth))
    balls.append((joints["pelvis"] + 0.05 * joints["up"], 0.08 * girth))
    return hull(view, "torso", "torso", "top", balls)


def _skirt(view: View, joints: dict[str, Point], girth: float) -> Shape:
    balls = [(joints["pelvis"] + 0.06 * joints["up"], 0.07 * girth)]
    balls += [(0.3 * joints[f"{side}_hip"] + 0.7 * joints[f"{side}_knee"], 0.062 * girth) for side, _ in SIDES]
    return hull(view, "skirt", "upper_legs", "bottom", balls, nearer=0.01)


def _limbs(view: View, joints: dict[str, Point], girth: float, forearm: str, bottoms: str) -> list[Shape]:
    """Draw arms and legs in painting order; `forearm` is the material of the lower arms."""
    shin = "bottom" if bottoms == "trousers" else "skin"
    thigh = "skin" if bottoms == "skirt" else "bottom"
    # Shape, part, material, upper joint and radius, lower joint and radius, offset in the painting order.
    limbs = (
        ("upper_arm", "upper_arms", "top", "shoulder", 0.038 * girth, "elbow", 0.029 * girth, 0.02),
        ("lower_arm", "lower_arms", forearm, "elbow", 0.028 * girth, "wrist", 0.02 * girth, 0.03),
        ("hand", "lower_arms", "skin", "wrist", 0.018, "hand", 0.022, 0.04),
        ("foot", "lower_legs", "shoes", "ankle", 0.028, "toes", 0.02, -0.02),
        ("lower_leg", "lower_legs", shin, "knee", 0.04 * girth, "ankle", 0.025 * girth, -0.01),
        ("upper_leg", "upper_legs", thigh, "hip", 0.058 * girth, "knee", 0.042 * girth, -0.005),
    )
    shapes = []
    for side, _ in SIDES:
        for name, part, material, upper, upper_radius, lower, lower_radius, nearer in limbs:
            balls = [(joints[f"{side}_{upper}"], upper_radius), (joints[f"{side}_{lower}"], lower_radius)]
            shapes.append(hull(view, f"{side}_{name}", part, material, balls, nearer))
    return shapes


def _head(view: View, joints: dict[str, Point], radius: float, rng: np.random.Generator) -> list[Shape]:
    centre = joints["head"]
    hair = [(joints["back_of_head"], 0.95 * radius), (joints["crown"], 0.74 * radius)]
    if rng.random() < 0.4:
        hair.append((joints["nape"] - np.array([0, 0.5 * radius, 0]), 0.6 * radius))
    shapes = [
        hull(view, "neck", "head", "skin", [(joints["neck"] - 0.02 * joints["up"], 0.036), (centre, 0.032)]),
        hull(view, "face", "head", "skin", [(centre, 0.9 * radius), (joints["chin"], 0.55 * radius)], nearer=0.01),
        hull(view, "hair", "head", "hair", hair, nearer=0.012),
        hull(view, "nose", "head", "skin", [(joints["nose"], 0.1 * radius), (centre, 0.05 * radius)], nearer=0.02),
    ]
    if view.nearness([0, 0, 1]) > 0.2:
        for name in ("left_eye", "right_eye"):
            shapes.append(hull(view, name, "head", "eyes", [(joints[name], 0.11 * radius)], nearer=0.02))
    return shapes


def _keypoints(view: View, joints: dict[str, Point]) -> tuple[Keypoint, ...]:
    ahead, left = view.nearness([0, 0, 1]), view.nearness([1, 0, 0])
    facing = {"nose": ahead > -0.15}
    for side, sign in SIDES:
        facing[f"{side}_eye"] = ahead > 0.1 - 0.4 * sign * left
        facing[f"{side}_ear"] = sign * left > -0.35
        facing[f"{side}_shoulder"] = facing[f"{side}_hip"] = sign * left > -0.6
    return tuple(keypoint(view, name, joints[name], on, facing.get(name, True)) for name, on in _SHOWN_ON.items())
