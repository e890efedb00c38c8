"""Names of the parts that PASCAL-Part annotates in each category, as abbreviated in its files."""

from collections.abc import Iterable

from hypercolumns.annotations.label_maps import VOC_NAMES


def _numbered(*limits: tuple[str, int]) -> tuple[str, ...]:
    """Numbered names such as wheel_1, wheel_2, ..., each up to its limit."""
    return tuple(f"{name}_{number}" for name, limit in limits for number in range(1, limit + 1))


def _legs(*segments: str) -> tuple[str, ...]:
    """Names of the segments of an animal's legs: left front, right front, left back, right back."""
    return tuple(f"{leg}{segment}" for leg in ("lf", "rf", "lb", "rb") for segment in segments)


def _without(names: Iterable[str], *left_out: str) -> tuple[str, ...]:
    return tuple(name for name in names if name not in left_out)


_CAR = (
    *(
        "frontside",
        "leftside",
        "rightside",
        "backside",
        "roofside",
        "leftmirror",
        "rightmirror",
        "fliplate",
        "bliplate",
    ),
    *_numbered(("door", 10), ("wheel", 10), ("headlight", 10), ("window", 20)),
)
_CAT = ("head", "leye", "reye", "lear", "rear", "nose", "torso", "neck", *_legs("leg", "pa"), "tail")
_COW = (
    *("head", "leye", "reye", "lear", "rear", "muzzle", "lhorn", "rhorn", "torso", "neck"),
    *(*_legs("uleg", "lleg"), "tail"),
)

PARTS: dict[str, tuple[str, ...]] = dict.fromkeys(VOC_NAMES, ()) | {
    "aeroplane": ("body", "stern", "lwing", "rwing", "tail", *_numbered(("engine", 10), ("wheel", 10))),
    "bicycle": ("fwheel", "bwheel", "saddle", "handlebar", "chainwheel", *_numbered(("headlight", 10))),
    "bird": (
        *("head", "leye", "reye", "beak", "torso", "neck", "lwing", "rwing", "lleg", "lfoot", "rleg", "rfoot", "tail"),
    ),
    "bottle": ("cap", "body"),
    "bus": _CAR,
    "car": _CAR,
    "cat": _CAT,
    "cow": _COW,
    "dog": (*_CAT, "muzzle"),
    "horse": (*_without(_COW, "lhorn", "rhorn"), *_legs("ho")),
    "motorbike": ("fwheel", "bwheel", "handlebar", "saddle", *_numbered(("headlight", 10))),
    "person": (
        *("head", "leye", "reye", "lear", "rear", "lebrow", "rebrow", "nose", "mouth", "hair", "torso", "neck"),
        *("llarm", "luarm", "lhand", "rlarm", "ruarm", "rhand", "llleg", "luleg", "lfoot", "rlleg", "ruleg", "rfoot"),
    ),
    "pottedplant": ("pot", "plant"),
    "sheep": _COW,
    "train": (
        *("head", "hfrontside", "hleftside", "hrightside", "hbackside", "hroofside"),
        *_numbered(("headlight", 10), ("coach", 10), ("cfrontside", 10), ("cleftside", 10), ("crightside", 10)),
        *_numbered(("cbackside", 10), ("croofside", 10)),
    ),
    "tvmonitor": ("screen",),
}
"""Part names per VOC category; chair, boat, diningtable and sofa have none. Source: the table in the data set."""
