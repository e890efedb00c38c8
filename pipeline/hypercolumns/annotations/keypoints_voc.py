"""Keypoints of PASCAL VOC objects in the format of the Berkeley annotations: a folder with one XML file per object."""

import math
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.files import map_in_threads, read_xml
from hypercolumns.annotations.keypoints import HIDDEN, VISIBLE, KeypointObject, KeypointSource
from hypercolumns.errors import InputError
from hypercolumns.regions.boxes import from_coco

_LIMBS = (("Shoulder", "Elbow"), ("Elbow", "Wrist"), ("Shoulder", "Hip"), ("Hip", "Knee"), ("Knee", "Ankle"))
BONES = (
    *((f"{side}_{upper}", f"{side}_{lower}") for side in "LR" for upper, lower in _LIMBS),
    *(("L_Shoulder", "R_Shoulder"), ("L_Hip", "R_Hip"), ("Nose", "L_Eye"), ("Nose", "R_Eye")),
    *(("L_Eye", "L_Ear"), ("R_Eye", "R_Ear")),
)
"""Pairs of keypoints to draw connected. Ours, after COCO's; the annotations define none."""

_REQUIRED = "image, category, visible_bounds and keypoints are required"


@dataclass(frozen=True)
class _XmlObject:
    path: Path
    image: str
    category: str
    box: tuple[float, float, float, float]
    keypoints: dict[str, tuple[float, float, float]]


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

    def load(path: Path) -> _XmlObject | None:
        with bad_items.catch():
            return _load(path)
        return None

    xml_objects = [item for item in map_in_threads(load, paths, "keypoints") if item is not None]
    names = {
        category: tuple(sorted({name for item in xml_objects if item.category == category for name in item.keypoints}))
        for category in sorted({item.category for item in xml_objects})
    }
    objects = tuple(
        KeypointObject(
            image=item.image,
            category=item.category,
            box=item.box,
            keypoints=tuple(v for name in names[item.category] for v in item.keypoints.get(name, (0.0, 0.0, 0.0))),
            where=str(item.path),
        )
        for item in xml_objects
        if item.keypoints
    )
    skeletons = {category: _skeleton(keypoints) for category, keypoints in names.items()}
    return KeypointSource(folder, names, skeletons, objects)


def _skeleton(names: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """Bones with both ends in `names`, as pairs of 1-based keypoint numbers."""
    return tuple((names.index(a) + 1, names.index(b) + 1) for a, b in BONES if a in names and b in names)


def _load(path: Path) -> _XmlObject:
    root = read_xml(path, "an XML file of keypoints")
    bounds = root.find("visible_bounds")
    group = root.find("keypoints")
    if bounds is None or group is None:
        missing = "visible_bounds" if bounds is None else "keypoints"
        raise InputError(f"{path} has no {missing}; {_REQUIRED}.")
    x0, y0, width, height = (_number(bounds, key, path) for key in ("xmin", "ymin", "width", "height"))
    if width <= 0 or height <= 0:
        raise InputError(f"{path} has visible_bounds of {width:g} x {height:g} pixels; both must be positive.")
    keypoints: dict[str, tuple[float, float, float]] = {}
    for item in group.findall("keypoint"):
        name = item.get("name", "").strip()
        if not name:
            raise InputError(f"{path} has a keypoint without a name.")
        if name in keypoints:
            raise InputError(f"{path} has the keypoint {name!r} twice.")
        visible = item.get("visible")
        if visible not in ("0", "1"):
            raise InputError(f"{path}: visible of {name!r} is {visible!r}; choose from 0, 1.")
        visibility = VISIBLE if visible == "1" else HIDDEN
        keypoints[name] = (_number(item, "x", path), _number(item, "y", path), visibility)
    box = tuple(from_coco((x0, y0, width, height)).tolist())
    return _XmlObject(path, _text(root, "image", path), _text(root, "category", path), box, keypoints)


def _text(root: Element, key: str, path: Path) -> str:
    text = root.findtext(key, "").strip()
    if not text:
        raise InputError(f"{path} has no {key}; {_REQUIRED}.")
    return text


def _number(item: Element, key: str, path: Path) -> float:
    """Read an attribute that must be a finite number."""
    text = item.get(key)
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{path}: {key} of {item.get('name', item.tag)!r} is {text!r}, not a finite number.")
    return value
