"""Mutations of COCO files that are valid JSON: what their fields claim, and how much of it there is."""

from collections.abc import Mapping
from typing import Any

from tests.mutations.harness import Mutation
from tests.mutations.of_bytes import NO_CHECKSUM, byte_mutations
from tests.mutations.of_json import Path, changed, document_mutations, field_mutations
from tests.mutations.of_paths import path_mutations

_ABSENT = {"removed", "null", "NaN", "empty text", "an empty list", "an empty object"}
"""Values that tools write for what they do not know."""

_OPTIONAL = {"segmentation", "keypoints", "parts", "skeleton", "area", "iscrowd", "difficult"}

_ANOTHER_NUMBER = {
    "segmentation": {"-1", "half"},
    "bbox": {"-1", "half"},
    "keypoints": {"half", "a list of null"},
    "area": {"half"},
    "iscrowd": {"true"},
    "difficult": {"true"},
}
"""Values that are as valid as the right one."""


def _legitimate(field: Path, value: str) -> str:
    name = next(str(key) for key in reversed(field) if isinstance(key, str))
    if name in _OPTIONAL and value in _ABSENT:
        return f"annotations may do without {name}"
    if len(field) == 2 and field[0] == "annotations" and value == "removed":
        return "a file may have fewer annotations"
    if name == "name" and value in ("text", "a name that leads out"):
        return "categories may have any name"
    return "another valid value" if value in _ANOTHER_NUMBER.get(name, ()) else ""


def _set(*path: str | int) -> Any:
    """A function that makes a change: set what the path leads to."""

    def to(value: Any) -> Any:
        def change(content: Any) -> None:
            owner = content
            for key in path[:-1]:
                owner = owner[key]
            owner[path[-1]] = value

        return change

    return to


def _claim(width: int, height: int, polygon: list[float]) -> Any:
    """A function that gives the image another size, and the first object a polygon."""

    def change(content: Any) -> None:
        content["images"][0] |= {"width": width, "height": height}
        content["annotations"] = content["annotations"][:1]
        content["annotations"][0] |= {"segmentation": [polygon], "parts": []}

    return change


def _repeat_annotation(count: int) -> Any:
    def change(content: Any) -> None:
        annotation = content["annotations"][1]
        content["annotations"] += [annotation | {"id": 1000 + number} for number in range(count)]

    return change


def _add_categories(count: int) -> Any:
    return lambda content: content["categories"].extend({"id": 1000 + n, "name": f"c{n}"} for n in range(count))


_SEGMENTATION = ("annotations", 0, "segmentation")
_CODE = ("annotations", 1, "segmentation", "counts")
_RUNS = ("annotations", 2, "segmentation", "counts")
_FILE = ("images", 0, "file_name")
_PIXELS = 178_956_970
"""Default of `dataset.maximum_pixels`."""

_CHANGES: Mapping[str, Any] = {
    "a polygon of 100,000 long edges": _set(*_SEGMENTATION)([[0, 0, 400, 300] * 50_000]),
    "a polygon with 2 corners": _set(*_SEGMENTATION)([[0, 0, 30, 20]]),
    "a polygon of points, one of them of three numbers": _set(*_SEGMENTATION)([[0, 0], [9, 0], [9, 9, 9]]),
    "a polygon in relative coordinates": _set(*_SEGMENTATION)([[0.1, 0.1, 0.9, 0.1, 0.5, 0.8]]),
    "a polygon and a number": _set(*_SEGMENTATION)([[0, 0, 9, 0, 9, 9], 3]),
    "a polygon outside its image": _set(*_SEGMENTATION)([[50, 50, 60, 50, 60, 60]]),
    "100,000 polygons of nothing": _set(*_SEGMENTATION)([[1, 1, 1, 1, 1, 1]] * 100_000),
    "a code without end": _set(*_CODE)("o" * 1_000_000),
    "a code of a long number": _set(*_CODE)("o" * 30 + "0"),
    "a code of too many pixels": _set(*_CODE)("ooooo1"),
    "a code that is negative": _set(*_CODE)("OOOO"),
    "a code of a million empty runs": _set(*_CODE)("0" * 1_000_000),
    "a code of other characters": _set(*_CODE)("\u00e9\u4e2d"),
    "a code of another size": _set("annotations", 1, "segmentation", "size")([40, 30]),
    "a code of an absurd size": _set("annotations", 1, "segmentation", "size")([2**31, 2**31]),
    "runs that add up, one of them absurd": _set(*_RUNS)([10**30, -(10**30), 1200]),
    "a million empty runs": _set(*_RUNS)([0] * 1_000_000 + [1200]),
    "runs of too few pixels": _set(*_RUNS)([1199]),
    "runs of 2^32 pixels more": _set(*_RUNS)([1200, 2**32]),
    "a height of 2^32 and no width": lambda content: content["images"][0].update(width=0, height=2**32),
    "a width of 2^32 and no height": lambda content: content["images"][0].update(width=2**32, height=0),
    "an image of 178 million columns with a polygon far outside": _claim(_PIXELS, 1, [0, 0, 1e9, 0, 1e9, 1, 0, 1]),
    "an image of 178 million columns": _claim(_PIXELS, 1, [0, 0, 9, 0, 9, 1, 0, 1]),
    "an image of 13377 x 13377": _claim(13377, 13377, [0, 0, 13377, 0, 13377, 13377, 0, 13377]),
    "an image one pixel larger": _claim(41, 30, [0, 0, 9, 0, 9, 9, 0, 9]),
    "an image turned": _claim(30, 40, [0, 0, 9, 0, 9, 9, 0, 9]),
    "10,000 annotations more": _repeat_annotation(10_000),
    "10,000 categories more": _add_categories(10_000),
    "a box that is far too large": _set("annotations", 3, "bbox")([0, 0, 1e9, 1e9]),
    "a box of negative width": _set("annotations", 3, "bbox")([20, 3, -10, 20]),
    "a box in relative coordinates": _set("annotations", 3, "bbox")([0.1, 0.1, 0.5, 0.5]),
    "10,000 keypoints": _set("annotations", 0, "keypoints")([1, 1, 2] * 10_000),
    "a category twice": lambda content: content["categories"].append(content["categories"][0]),
    "an image twice": lambda content: content["images"].append(content["images"][0]),
    "an annotation twice": lambda content: content["annotations"].append(content["annotations"][0]),
    "annotations in the opposite order": lambda content: content["annotations"].reverse(),
    "categories in the opposite order": lambda content: content["categories"].reverse(),
    "a file name with a newline": _set(*_FILE)("first.jpg\n"),
    "a file name with a slash at the end": _set(*_FILE)("first.jpg/"),
    "a file name with a detour": _set(*_FILE)("../photographs/first.jpg"),
    "a file name that is a device": _set(*_FILE)("/dev/zero"),
    "a file name of the folder": _set(*_FILE)("."),
    "a file name in capitals": _set(*_FILE)("FIRST.JPG"),
    "a file name with control characters": _set(*_FILE)("\x1b[2J\x07.jpg"),
}

_LEGITIMATE = {
    "a polygon with 2 corners": "an annotation may have a box and no mask",
    "10,000 annotations more": "a file may have more annotations",
    "10,000 categories more": "a file may have more categories",
    "categories in the opposite order": "parts of one object keep the order of the file",
}


def coco_field_mutations(content: dict[str, Any]) -> list[Mutation]:
    """Give every field of a file, whose content is that of `inputs.coco_content`, wrong values."""
    places: list[Path] = [("images",), ("categories",), ("annotations",)]
    places += [("categories", 1), *(("annotations", index) for index in range(1, 5))]
    return field_mutations(content, places, _legitimate)


def coco_mutations() -> list[Mutation]:
    """Mutations of such a file as a whole."""
    return [
        *path_mutations(),
        *byte_mutations(NO_CHECKSUM),
        *document_mutations("image_id"),
        *(changed(name, change, _LEGITIMATE.get(name, "")) for name, change in _CHANGES.items()),
    ]
