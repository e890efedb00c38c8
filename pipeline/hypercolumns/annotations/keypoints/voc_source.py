"""Keypoints of PASCAL VOC objects in the format of the Berkeley annotations: a folder with one XML file per object."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import Element

from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.files import number_or_nan, read_xml
from hypercolumns.annotations.keypoints.attaching import HIDDEN, VISIBLE, KeypointObject, KeypointSource
from hypercolumns.annotations.model import Category
from hypercolumns.annotations.valid_names import require_name
from hypercolumns.errors import InputError

_LIMBS = (("Shoulder", "Elbow"), ("Elbow", "Wrist"), ("Shoulder", "Hip"), ("Hip", "Knee"), ("Knee", "Ankle"))
BONES = (
    *((f"{side}_{upper}", f"{side}_{lower}") for side in "LR" for upper, lower in _LIMBS),
    *(("L_Shoulder", "R_Shoulder"), ("L_Hip", "R_Hip"), ("Nose", "L_Eye"), ("Nose", "R_Eye")),
    *(("L_Eye", "L_Ear"), ("R_Eye", "R_Ear")),
)
"""Pairs of keypoints to draw connected. Ours, after COCO's; the annotations define none."""

_REQUIRED = "image, category, visible_bounds and keypoints are required"

_Keypoints = Mapping[str, tuple[float, float, float]]
"""x, y and visibility by name."""


def read(folder: Path, bad_items: BadItems) -> KeypointSource:
    """Read the objects in a folder.

    The keypoints of a category are the names that occur in its files, sorted; those that a file does not have are
    unlabelled, and `visible="0"` means hidden. Coordinates are not changed.

    Raises
    ------
    InputError
        If the folder has no XML file, or, unless `bad_items` skips it, if a file is malformed: a missing field, a
        value that is not a finite number, or a keypoint that occurs twice.
    """
    paths = sorted(folder.glob("*.xml"))
    if not paths:
        raise InputError(f"The folder {folder} (dataset.keypoints) has no XML file with the keypoints of an object.")
    loaded = bad_items.map_in_threads(_load, paths, "keypoints", "malformed_keypoints")
    names: dict[str, set[str]] = defaultdict(set)
    for item, keypoints in loaded:
        names[item.category].update(keypoints)
    categories = {category: _category(category, sorted(names[category])) for category in names}
    objects = [
        replace(item, keypoints=_flat_list(keypoints, categories[item.category]))
        for item, keypoints in loaded
        if keypoints
    ]
    return KeypointSource(folder, categories, tuple(objects))


def _category(name: str, names: Sequence[str]) -> Category:
    """A category with the keypoints `names`, and the bones that have both ends among them."""
    bones = tuple((names.index(a) + 1, names.index(b) + 1) for a, b in BONES if a in names and b in names)
    return Category(0, name, tuple(names), bones)


def _flat_list(keypoints: _Keypoints, category: Category) -> tuple[float, ...]:
    """COCO's flat list of the category's keypoints; those without a value are unlabelled."""
    return tuple(value for name in category.keypoints for value in keypoints.get(name, (0.0, 0.0, 0.0)))


def _load(path: Path) -> tuple[KeypointObject, _Keypoints]:
    """Read a file: its object, without keypoints, and the keypoints by name."""
    root = read_xml(path, "an XML file of keypoints")
    bounds, group = root.find("visible_bounds"), root.find("keypoints")
    if bounds is None or group is None:
        missing = "visible_bounds" if bounds is None else "keypoints"
        raise InputError(f"{path} has no {missing}; {_REQUIRED}.")
    x0, y0, width, height = (_number(bounds, key, path) for key in ("xmin", "ymin", "width", "height"))
    if width <= 0 or height <= 0:
        raise InputError(f"{path} has visible_bounds of {width:g} x {height:g} pixels; both must be positive.")
    keypoints: dict[str, tuple[float, float, float]] = {}
    for item in group.findall("keypoint"):
        name = item.get("name", "").strip()
        require_name(name, f"{path}: a keypoint")
        if name in keypoints:
            raise InputError(f"{path} has the keypoint {name!r} twice.")
        visible = item.get("visible")
        if visible not in ("0", "1"):
            raise InputError(f"{path}: visible of {name!r} is {visible!r}; choose from 0, 1.")
        visibility = VISIBLE if visible == "1" else HIDDEN
        keypoints[name] = (_number(item, "x", path), _number(item, "y", path), visibility)
    box = (x0, y0, x0 + width, y0 + height)
    image, category = _text(root, "image", path), _text(root, "category", path)
    require_name(category, f"{path}: the category")
    return KeypointObject(image, category, box, keypoints=(), where=str(path)), keypoints


def _text(root: Element, key: str, path: Path) -> str:
    text = root.findtext(key, "").strip()
    if not text:
        raise InputError(f"{path} has no {key}; {_REQUIRED}.")
    return text


def _number(item: Element, key: str, path: Path) -> float:
    """Read an attribute that must be a finite number."""
    text = item.get(key)
    value = number_or_nan(text or "")
    if not math.isfinite(value):
        raise InputError(f"{path}: {key} of {item.get('name', item.tag)!r} is {text!r}, not a finite number.")
    return value
