"""A stored file of annotations that claims too much is refused before memory is taken for it, in one paragraph."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.errors import InputError

Content = dict[str, Any]


def content() -> Content:
    """A file with one image and one object, which has a keypoint and a part."""
    code = masks.empty(3, 4)
    instance = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1], "area": 1, "iscrowd": 0}
    instance |= {"difficult": 0, "segmentation": code, "keypoints": [1, 1, 2]}
    return {
        "info": {"description": "", "image_root": ".", "counts": {}},
        "images": [{"id": 1, "file_name": "a.jpg", "width": 4, "height": 3, "void": code}],
        "categories": [{"id": 1, "name": "car", "keypoints": ["nose"], "skeleton": [], "parts": ["roof"]}],
        "annotations": [instance | {"parts": [{"name": "roof", "segmentation": code}]}],
    }


def set_value(*path: str | int) -> Callable[[Any], Callable[[Content], None]]:
    def to(value: Any) -> Callable[[Content], None]:
        def change(found: Any) -> None:
            for key in path[:-1]:
                found = found[key]
            found[path[-1]] = value

        return change

    return to


CHANGES: dict[str, Callable[[Content], None]] = {
    "a height of 2^32": set_value("images", 0, "height")(2**32),
    "a name that leads out": set_value("images", 0, "file_name")("../a.jpg"),
    "a name with NUL": set_value("images", 0, "file_name")("a\0.jpg"),
    "an absolute name": set_value("images", 0, "file_name")("/etc/passwd"),
    "a negative width": set_value("images", 0, "width")(-1),
    "2^40 pixels": lambda found: found["images"][0].update(width=2**20, height=2**20),
    "an image twice": lambda found: found["images"].append(found["images"][0]),
    "an annotation twice": lambda found: found["annotations"].append(found["annotations"][0]),
    "an id of 70 bits": set_value("annotations", 0, "id")(2**70),
    "an unknown image": set_value("annotations", 0, "image_id")(7),
    "an unknown category": set_value("annotations", 0, "category_id")(7),
    "an endless box": set_value("annotations", 0, "bbox")([1e308, 0, 1e308, 1]),
    "a void of another size": set_value("images", 0, "void", "size")([2**31, 2**31]),
    "too many keypoints": set_value("annotations", 0, "keypoints")([1] * 6),
    "a part of another size": set_value("annotations", 0, "parts", 0, "segmentation", "size")([1, 1]),
    "a mask of another size": set_value("annotations", 0, "segmentation", "size")([10**5, 10**5]),
    "a mask of endless runs": set_value("annotations", 0, "segmentation", "counts")("o" * 30 + "0"),
    "a mask of other characters": set_value("annotations", 0, "segmentation", "counts")("\u4e2d"),
    "a mask that is a number": set_value("annotations", 0, "segmentation")(3),
}


def read(path: Path) -> object:
    return [instance.segmentation for instance in AnnotationSet.load(path).instances]


def test_the_sound_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "train.json").write_text(json.dumps(content()))
    assert read(tmp_path / "train.json") == [masks.empty(3, 4)]


@pytest.mark.parametrize("name", CHANGES)
def test_what_does_not_fit_is_refused(name: str, tmp_path: Path) -> None:
    changed = content()
    CHANGES[name](changed)
    path = tmp_path / "train.json"
    path.write_text(json.dumps(changed))
    with pytest.raises(InputError, match=r"train\.json"):
        read(path)


@pytest.mark.parametrize(
    "raw",
    [
        json.dumps(content()).encode("utf-16"),
        json.dumps(content()).replace("car", "\u00e9").encode("latin-1"),
        b'{"x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=["UTF-16", "Latin-1", "nested deeply"],
)
def test_other_content_is_refused(raw: bytes, tmp_path: Path) -> None:
    path = tmp_path / "train.json"
    path.write_bytes(raw)
    with pytest.raises(InputError, match=r"train\.json"):
        AnnotationSet.load(path)


def test_a_named_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "train.json")
    with pytest.raises(InputError, match="not a regular file"):
        AnnotationSet.load(tmp_path / "train.json")


@pytest.mark.parametrize("coordinate", [float("nan"), float("inf"), 1e300, -1e300])
def test_coordinates_that_would_end_the_process_are_refused(coordinate: float) -> None:
    """pycocotools reads memory of others for them."""
    with pytest.raises(InputError, match="polygon"):
        masks.from_polygons([[0, 0, coordinate, 0, 9, 9]], 10, 10)


@pytest.mark.parametrize("size", [(2**32, 0), (0, 2**32), (2**32, 1), (2**16, 2**16), (-1, 3)])
def test_sizes_that_would_end_the_process_are_refused(size: tuple[int, int]) -> None:
    """pycocotools divides by the height in 32 bits, and counts pixels in as many."""
    with pytest.raises(InputError, match="size"):
        masks.empty(*size)
    with pytest.raises(InputError, match="size"):
        masks.from_polygons([[0, 0, 9, 0, 9, 9]], *size)
