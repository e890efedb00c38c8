"""Keypoints of people in PASCAL VOC as the Berkeley annotations have them: a folder with one xml file per object."""

import math
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element

from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.files import each, read_xml
from hypercolumns.annotations.keypoints import HIDDEN, VISIBLE, KeypointObject, KeypointSource
from hypercolumns.errors import InputError
from hypercolumns.regions.boxes import from_coco

_LIMBS = (("Shoulder", "Elbow"), ("Elbow", "Wrist"), ("Shoulder", "Hip"), ("Hip", "Knee"), ("Knee", "Ankle"))
BONES = (
    *((f"{side}_{upper}", f"{side}_{lower}") for side in "LR" for upper, lower in _LIMBS),
    *(("L_Shoulder", "R_Shoulder"), ("L_Hip", "R_Hip"), ("Nose", "L_Eye"), ("Nose", "R_Eye")),
    *(("L_Eye", "L_Ear"), ("R_Eye", "R_Ear")),
)
"""Pairs of keypoints that are drawn connected; the data set has none of its own. Ours, after COCO's."""


@dataclass(frozen=True)
class _Annotated:
    path: Path
    image: str
    category: str
    box: tuple[float, float, float, float]
    points: dict[str, tuple[float, float, float]]


def read(folder: Path, bad: BadItems) -> KeypointSource:
    """The objects of a folder; a category's keypoints are the names that occur in its files, sorted.

    `visible="0"` means hidden; keypoints that a file does not have are not labelled. Coordinates are kept as they are.

    Raises
    ------
    InputError
        When the folder has no xml file; for one that is malformed, unless `bad` items are skipped: a field that is
        missing, not a finite number, or a keypoint that occurs twice.
    """
    paths = sorted(folder.glob("*.xml"))
    if not paths:
        raise InputError(f"The folder {folder} (dataset.keypoints) holds no xml file with the keypoints of an object.")

    def load(path: Path) -> _Annotated | None:
        with bad.item():
            return _load(path)
        return None

    found = [one for one in each(load, paths, "keypoints") if one is not None]
    names = {
        category: tuple(sorted({name for one in found if one.category == category for name in one.points}))
        for category in sorted({one.category for one in found})
    }
    objects = tuple(
        KeypointObject(
            image=one.image,
            category=one.category,
            box=one.box,
            keypoints=tuple(v for name in names[one.category] for v in one.points.get(name, (0.0, 0.0, 0.0))),
            where=str(one.path),
        )
        for one in found
        if one.points
    )
    skeletons = {category: _skeleton(own) for category, own in names.items()}
    return KeypointSource(folder, names, skeletons, objects)


def _skeleton(names: tuple[str, ...]) -> tuple[tuple[int, int], ...]:
    """The bones whose ends are among `names`, as pairs of 1-based numbers."""
    return tuple((names.index(a) + 1, names.index(b) + 1) for a, b in BONES if a in names and b in names)


def _load(path: Path) -> _Annotated:
    root = read_xml(path, "xml file of keypoints")
    bounds = root.find("visible_bounds")
    group = root.find("keypoints")
    if bounds is None or group is None:
        missing = "visible_bounds" if bounds is None else "keypoints"
        raise InputError(f"{path} has no {missing}; image, category, visible_bounds and keypoints are needed.")
    x0, y0, width, height = (_number(bounds, key, path) for key in ("xmin", "ymin", "width", "height"))
    if width <= 0 or height <= 0:
        raise InputError(f"{path} has visible_bounds of {width:g} x {height:g} pixels; both must be positive.")
    points: dict[str, tuple[float, float, float]] = {}
    for item in group.findall("keypoint"):
        name = item.get("name", "").strip()
        if not name:
            raise InputError(f"{path} has a keypoint without a name.")
        if name in points:
            raise InputError(f"{path} has the keypoint {name!r} twice.")
        visible = item.get("visible")
        if visible not in ("0", "1"):
            raise InputError(f"{path}: visible of {name!r} is {visible!r}; choose from 0, 1.")
        seen = VISIBLE if visible == "1" else HIDDEN
        points[name] = (_number(item, "x", path), _number(item, "y", path), seen)
    box = tuple(from_coco((x0, y0, width, height)).tolist())
    return _Annotated(path, _text(root, "image", path), _text(root, "category", path), box, points)


def _text(root: Element, key: str, path: Path) -> str:
    text = root.findtext(key, "").strip()
    if not text:
        raise InputError(f"{path} has no {key}; image, category, visible_bounds and keypoints are needed.")
    return text


def _number(item: Element, key: str, path: Path) -> float:
    """A finite number among the attributes of an element."""
    text = item.get(key)
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{path}: {key} of {item.get('name', item.tag)!r} is {text!r}, not a finite number.")
    return value
