"""Draw articulated people in many poses and clothes, seen from any side; one unit is about their height."""

from dataclasses import dataclass

import numpy as np

from hypercolumns.annotations.model import Category
from hypercolumns.puppets.materials import HAIR, SKIN, Material, any_colour, cloth, pick, plain
from hypercolumns.puppets.shapes import SIDES, Ball, Figure, Keypoint, Point, Shape, View, far_to_near, hull, keypoint

CATEGORY = Category(
    id=1,
    name="person",
    keypoints=(
        "nose",
        "left_eye",
        "right_eye",
        "left_ear",
        "right_ear",
        "left_shoulder",
        "right_shoulder",
        "left_elbow",
        "right_elbow",
        "left_wrist",
        "right_wrist",
        "left_hip",
        "right_hip",
        "left_knee",
        "right_knee",
        "left_ankle",
        "right_ankle",
    ),
    skeleton=(
        (16, 14), (14, 12), (17, 15), (15, 13), (12, 13), (6, 12), (7, 13), (6, 7), (6, 8), (7, 9), (8, 10), (9, 11),
        (2, 3), (1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 7),
    ),
    parts=("head", "torso", "upper_arms", "lower_arms", "upper_legs", "lower_legs"),
)  # fmt: skip
"""Keypoints and skeleton as in COCO."""


@dataclass(frozen=True)
class _Limb:
    """Angles in radians: the upper limb forward and sideways, and the bend of the knee or elbow."""

    forward: float
    sideways: float
    bend: float


@dataclass(frozen=True)
class _Pose:
    """Forward lean in radians, and the limbs, left before right."""

    lean: float
    arms: tuple[_Limb, _Limb]
    legs: tuple[_Limb, _Limb]


def draw(rng: np.random.Generator, view: View, size: float) -> Figure:
    """Draw a person in a random pose, about `size` pixels tall when standing; `view.scale` must equal `size`."""
    girth, head_size = rng.uniform(0.85, 1.3), rng.uniform(0.95, 1.3)
    joints = _joints(_pose(rng), head_size)
    sleeves = rng.random() < 0.5
    bottoms = rng.choice(["trousers", "shorts", "skirt"], p=[0.6, 0.22, 0.18])
    materials: dict[str, Material] = {
        "skin": plain(pick(rng, SKIN), 0.06),
        "hair": plain(pick(rng, HAIR), 0.2),
        "top": cloth(rng, size),
        "bottom": cloth(rng, size),
        "shoes": plain(any_colour(rng)),
        "eyes": plain((30, 24, 24), 0),
    }
    shapes = [_torso(view, joints, girth), *_head(view, joints, head_size, rng)]
    for side, _ in SIDES:
        shapes += _arm(view, joints, side, girth, "top" if sleeves else "skin")
        shapes += _leg(view, joints, side, girth, bottoms)
    if bottoms == "skirt":
        shapes.append(_skirt(view, joints, girth))
    return Figure("person", far_to_near(shapes), materials, _keypoints(view, joints, head_size))


def _pose(rng: np.random.Generator) -> _Pose:
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
    return _Pose(lean, (arms[0], arms[1]), (legs[0], legs[1]))


def _direction(forward: float, sideways: float, side: float) -> Point:
    """Unit vector of a hanging limb after it is turned forward and sideways; `side` is the sign of x."""
    return np.array([side * np.sin(sideways), -np.cos(sideways) * np.cos(forward), np.cos(sideways) * np.sin(forward)])


def _joints(pose: _Pose, head_size: float) -> dict[str, Point]:
    """Place the joints of a person who stands on the ground; `up` is the direction of the spine."""
    up = np.array([0.0, np.cos(pose.lean), np.sin(pose.lean)])
    joints: dict[str, Point] = {"pelvis": np.zeros(3), "neck": 0.32 * up}
    joints["head"] = joints["neck"] + (0.065 + 0.03 * head_size) * up
    joints["up"] = up
    for (side, sign), arm, leg in zip(SIDES, pose.arms, pose.legs, strict=True):
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
    return {name: point if name == "up" else point + shift for name, point in joints.items()}


def _torso(view: View, joints: dict[str, Point], girth: float) -> Shape:
    chest = joints["neck"] - 0.1 * joints["up"]
    balls = [
        *(Ball(joints[f"{side}_shoulder"], 0.036 * girth) for side, _ in SIDES),
        *(Ball(joints[f"{side}_hip"], 0.052 * girth) for side, _ in SIDES),
        Ball(chest, 0.085 * girth),
        Ball(joints["pelvis"] + 0.05 * joints["up"], 0.08 * girth),
    ]
    return hull(view, "torso", "torso", "top", balls)


def _skirt(view: View, joints: dict[str, Point], girth: float) -> Shape:
    balls = [Ball(joints["pelvis"] + 0.06 * joints["up"], 0.07 * girth)]
    for side, _ in SIDES:
        balls.append(Ball(0.3 * joints[f"{side}_hip"] + 0.7 * joints[f"{side}_knee"], 0.062 * girth))
    return hull(view, "skirt", "upper_legs", "bottom", balls, nearer=0.01)


def _arm(view: View, joints: dict[str, Point], side: str, girth: float, lower: str) -> list[Shape]:
    shoulder, elbow, wrist, hand = (joints[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist", "hand"))
    upper = [Ball(shoulder, 0.038 * girth), Ball(elbow, 0.029 * girth)]
    forearm = [Ball(elbow, 0.028 * girth), Ball(wrist, 0.02 * girth)]
    return [
        hull(view, f"{side}_upper_arm", "upper_arms", "top", upper, nearer=0.02),
        hull(view, f"{side}_lower_arm", "lower_arms", lower, forearm, nearer=0.03),
        hull(view, f"{side}_hand", "lower_arms", "skin", [Ball(wrist, 0.018), Ball(hand, 0.022)], nearer=0.04),
    ]


def _leg(view: View, joints: dict[str, Point], side: str, girth: float, bottoms: str) -> list[Shape]:
    hip, knee, ankle, toes = (joints[f"{side}_{name}"] for name in ("hip", "knee", "ankle", "toes"))
    upper = [Ball(hip, 0.058 * girth), Ball(knee, 0.042 * girth)]
    shin = [Ball(knee, 0.04 * girth), Ball(ankle, 0.025 * girth)]
    return [
        hull(view, f"{side}_foot", "lower_legs", "shoes", [Ball(ankle, 0.028), Ball(toes, 0.02)], nearer=-0.02),
        hull(view, f"{side}_lower_leg", "lower_legs", "bottom" if bottoms == "trousers" else "skin", shin, -0.01),
        hull(view, f"{side}_upper_leg", "upper_legs", "skin" if bottoms == "skirt" else "bottom", upper, -0.005),
    ]


def _face(joints: dict[str, Point], head_size: float) -> dict[str, Point]:
    """Place the points of the head, which looks forward along z."""
    centre, r = joints["head"], 0.062 * head_size
    return {
        "nose": centre + r * np.array([0, -0.12, 1.02]),
        "left_eye": centre + r * np.array([0.38, 0.18, 0.88]),
        "right_eye": centre + r * np.array([-0.38, 0.18, 0.88]),
        "left_ear": centre + r * np.array([0.95, 0.0, 0.0]),
        "right_ear": centre + r * np.array([-0.95, 0.0, 0.0]),
        "chin": centre + r * np.array([0, -0.75, 0.25]),
        "back": centre + r * np.array([0, 0.22, -0.35]),
        "crown": centre + r * np.array([0, 0.45, -0.05]),
        "nape": centre + r * np.array([0, -0.5, -0.5]),
    }


def _head(view: View, joints: dict[str, Point], head_size: float, rng: np.random.Generator) -> list[Shape]:
    face, r = _face(joints, head_size), 0.062 * head_size
    hair = [Ball(face["back"], 0.95 * r), Ball(face["crown"], 0.74 * r)]
    if rng.random() < 0.4:
        hair.append(Ball(face["nape"] - np.array([0, 0.5 * r, 0]), 0.6 * r))
    skull = [Ball(joints["head"], 0.9 * r), Ball(face["chin"], 0.55 * r)]
    shapes = [
        hull(
            view,
            "neck",
            "head",
            "skin",
            [Ball(joints["neck"] - 0.02 * joints["up"], 0.036), Ball(joints["head"], 0.032)],
        ),
        hull(view, "face", "head", "skin", skull, nearer=0.01),
        hull(view, "hair", "head", "hair", hair, nearer=0.012),
        hull(view, "nose", "head", "skin", [Ball(face["nose"], 0.1 * r), Ball(joints["head"], 0.05 * r)], nearer=0.02),
    ]
    if view.nearness([0, 0, 1]) > 0.2:
        for side, _ in SIDES:
            shapes.append(hull(view, f"{side}_eye", "head", "eyes", [Ball(face[f"{side}_eye"], 0.11 * r)], nearer=0.02))
    return shapes


def _keypoints(view: View, joints: dict[str, Point], head_size: float) -> tuple[Keypoint, ...]:
    face = _face(joints, head_size)
    on_face = ("face", "nose", "left_eye", "right_eye")
    ahead, left = view.nearness([0, 0, 1]), view.nearness([1, 0, 0])
    points = [keypoint(view, "nose", face["nose"], on_face, ahead > -0.15)]
    for name, on in (("eye", on_face), ("ear", ("face", "hair"))):
        for side, sign in SIDES:
            facing = ahead > 0.1 - 0.4 * sign * left if name == "eye" else sign * left > -0.35
            points.append(keypoint(view, f"{side}_{name}", face[f"{side}_{name}"], on, facing))
    shown_on = {
        "shoulder": ("upper_arm", "torso"),
        "elbow": ("upper_arm", "lower_arm"),
        "wrist": ("lower_arm", "hand"),
        "hip": ("upper_leg", "torso", "skirt"),
        "knee": ("upper_leg", "lower_leg", "skirt"),
        "ankle": ("lower_leg", "foot"),
    }
    shared = ("torso", "skirt")
    for name, shapes in shown_on.items():
        for side, sign in SIDES:
            visible_on = [shape if shape in shared else f"{side}_{shape}" for shape in shapes]
            facing = name not in ("shoulder", "hip") or sign * left > -0.6
            points.append(keypoint(view, f"{side}_{name}", joints[f"{side}_{name}"], visible_on, facing))
    by_name = {point.name: point for point in points}
    return tuple(by_name[name] for name in CATEGORY.keypoints)
