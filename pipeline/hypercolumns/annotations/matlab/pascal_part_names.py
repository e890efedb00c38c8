"""Names of the parts that PASCAL-Part annotates in each category, as abbreviated in its files."""

from hypercolumns.annotations.label_maps import VOC_NAMES


def _numbered(*names: str, limit: int = 10) -> tuple[str, ...]:
    """Numbered names such as wheel_1, wheel_2, ..., each up to the limit."""
    return tuple(f"{name}_{number}" for name in names for number in range(1, limit + 1))


def _legs(*segments: str) -> tuple[str, ...]:
    """Names of the segments of an animal's legs: left front, right front, left back, right back."""
    return tuple(f"{leg}{segment}" for leg in ("lf", "rf", "lb", "rb") for segment in segments)


_CAR = (
    *("frontside", "leftside", "rightside", "backside", "roofside"),
    *("leftmirror", "rightmirror", "fliplate", "bliplate"),
    *_numbered("door", "wheel", "headlight"),
    *_numbered("window", limit=20),
)
_HEAD = ("head", "leye", "reye", "lear", "rear")
_CAT = (*_HEAD, "nose", "torso", "neck", *_legs("leg", "pa"), "tail")
_COW = (*_HEAD, "muzzle", "lhorn", "rhorn", "torso", "neck", *_legs("uleg", "lleg"), "tail")

PARTS: dict[str, tuple[str, ...]] = dict.fromkeys(VOC_NAMES, ()) | {
    "aeroplane": ("body", "stern", "lwing", "rwing", "tail", *_numbered("engine", "wheel")),
    "bicycle": ("fwheel", "bwheel", "saddle", "handlebar", "chainwheel", *_numbered("headlight")),
    "bird": (
        *("head", "leye", "reye", "beak", "torso", "neck", "lwing", "rwing", "lleg", "lfoot", "rleg", "rfoot", "tail"),
    ),
    "bottle": ("cap", "body"),
    "bus": _CAR,
    "car": _CAR,
    "cat": _CAT,
    "cow": _COW,
    "dog": (*_CAT, "muzzle"),
    "horse": (*_HEAD, "muzzle", "torso", "neck", *_legs("uleg", "lleg"), "tail", *_legs("ho")),
    "motorbike": ("fwheel", "bwheel", "handlebar", "saddle", *_numbered("headlight")),
    "person": (
        *(*_HEAD, "lebrow", "rebrow", "nose", "mouth", "hair", "torso", "neck"),
        *("llarm", "luarm", "lhand", "rlarm", "ruarm", "rhand", "llleg", "luleg", "lfoot", "rlleg", "ruleg", "rfoot"),
    ),
    "pottedplant": ("pot", "plant"),
    "sheep": _COW,
    "train": (
        *("head", "hfrontside", "hleftside", "hrightside", "hbackside", "hroofside"),
        *_numbered("headlight", "coach", "cfrontside", "cleftside", "crightside", "cbackside", "croofside"),
    ),
    "tvmonitor": ("screen",),
}
"""Part names per VOC category; chair, boat, diningtable and sofa have none. Source: the table in the data set."""
