"""Detections come from files and from the ground truth, and are written in a fixed order."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.results import write_results
from hypercolumns.detection import results
from hypercolumns.errors import InputError
from tests.detection.detection_scenes import WIDTH, make_instance, scenes

GOOD: dict[str, Any] = {"image_id": 1, "category_id": 3, "bbox": [2.5, 3, 10, 12.25], "score": 0.75}


@pytest.fixture
def annotations() -> AnnotationSet:
    """Three images with the ids 1, 2 and 3."""
    return scenes(3, seed=0)


def _file(path: Path, content: object) -> Path:
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_valid_file_is_read_unchanged(tmp_path: Path, annotations: AnnotationSet) -> None:
    """Detections come image by image, without the keys that are not needed."""
    other = GOOD | {"image_id": 3, "score": -12, "area": "other keys do not matter"}
    found = results.from_file(_file(tmp_path / "found.json", [other, GOOD]), annotations, 10)
    assert found == [GOOD, {key: other[key] for key in GOOD}]


def test_only_the_best_of_each_image_are_kept(tmp_path: Path, annotations: AnnotationSet) -> None:
    """The limit counts per image, and the best come first."""
    entries = [GOOD | {"image_id": image, "score": score} for image in (1, 2) for score in (0.1, 0.9, 0.5)]
    found = results.from_file(_file(tmp_path / "found.json", entries), annotations, 2)
    assert [(d["image_id"], d["score"]) for d in found] == [(1, 0.9), (1, 0.5), (2, 0.9), (2, 0.5)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": 1.5}, "image_id is 1.5, neither an integer nor a name"),
        ({"image_id": True}, "image_id is True, neither an integer nor a name"),
        ({"category_id": None}, "category_id is None"),
        ({"bbox": [1, 2, 3]}, "not x, y, width, height in pixels"),
        ({"bbox": [1, 2, 3, math.nan]}, "not x, y, width, height in pixels"),
        ({"score": math.inf}, "score is inf"),
        ({"score": "high"}, "score is 'high'"),
    ],
)
def test_an_invalid_entry_is_named(
    tmp_path: Path, annotations: AnnotationSet, change: dict[str, Any], message: str
) -> None:
    """The error names the file, the entry and the value."""
    path = _file(tmp_path / "found.json", [GOOD, GOOD | change])
    with pytest.raises(InputError, match=rf"found.json, entry 1: .*{message}"):
        results.from_file(path, annotations, 10)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"image_id": 99}, "in unknown photographs"),
        ({"image_id": "unknown.jpg"}, "in unknown photographs"),
        ({"category_id": 4}, "of categories that the data set does not have"),
        ({"bbox": [1, 2, 0, 4]}, "with boxes without area or outside"),
        ({"bbox": [1, 2, 3, -4]}, "with boxes without area or outside"),
        ({"bbox": [WIDTH, 2, 3, 4]}, "with boxes without area or outside"),
        ({"bbox": [2, -9, 3, 4]}, "with boxes without area or outside"),
        ({"bbox": [0, 0, 1e9, 4]}, "with boxes without area or outside"),
    ],
)
def test_detections_that_no_tool_would_count_are_left_out_and_counted(
    tmp_path: Path,
    annotations: AnnotationSet,
    caplog: pytest.LogCaptureFixture,
    change: dict[str, Any],
    reason: str,
) -> None:
    """One such detection costs no other; a file of nothing else is refused, with the reason."""
    path = _file(tmp_path / "found.json", [GOOD, GOOD | change])
    assert results.from_file(path, annotations, 10) == [GOOD]
    assert f"left out: 1 detection {reason}" in caplog.text
    with pytest.raises(InputError, match=f"no detection that can be used: 1 detection {reason}"):
        results.from_file(_file(path, [GOOD | change]), annotations, 10)


def test_ids_may_be_the_names_that_the_annotation_file_has(tmp_path: Path, annotations: AnnotationSet) -> None:
    """Images whose ids were names are found by these, and categories by theirs."""
    images = tuple(replace(image, source_id=f"photo {image.id}") for image in annotations.images)
    for name in ("photo 1", images[0].file_name, Path(images[0].file_name).stem):
        path = _file(tmp_path / "found.json", [GOOD | {"image_id": name, "category_id": "cat"}])
        assert results.from_file(path, replace(annotations, images=images), 10) == [GOOD]
    assert results.from_file(_file(path, [GOOD | {"image_id": "1"}]), annotations, 10) == [GOOD]


def test_the_id_of_a_photograph_of_train_is_not_the_name_of_one_in_val(
    tmp_path: Path, annotations: AnnotationSet, caplog: pytest.LogCaptureFixture
) -> None:
    """A file of all photographs, whose ids count from 0 and names from 1, must not move boxes to another photograph."""
    images = tuple(replace(image, file_name=f"{image.id + 100}.jpg") for image in annotations.images)
    path = _file(tmp_path / "found.json", [GOOD, GOOD | {"image_id": 101}])
    assert results.from_file(path, replace(annotations, images=images), 10) == [GOOD]
    assert "1 detection in unknown photographs" in caplog.text
    path = _file(tmp_path / "found.json", [GOOD | {"image_id": "101"}])
    assert results.from_file(path, replace(annotations, images=images), 10) == [GOOD]


@pytest.mark.parametrize("key", list(GOOD))
def test_a_missing_key_is_named(tmp_path: Path, annotations: AnnotationSet, key: str) -> None:
    """The error names the entry and the key."""
    path = _file(tmp_path / "found.json", [{k: v for k, v in GOOD.items() if k != key}])
    with pytest.raises(InputError, match=f"entry 0: '{key}' is missing"):
        results.from_file(path, annotations, 10)


@pytest.mark.parametrize(
    ("content", "message"), [("[{", "is not JSON"), ({"annotations": []}, "list"), ([3], "object")]
)
def test_another_kind_of_file_is_refused(
    tmp_path: Path, annotations: AnnotationSet, content: object, message: str
) -> None:
    """The error names the file and says what it should hold."""
    with pytest.raises(InputError, match=f"found.json.*{message}"):
        results.from_file(_file(tmp_path / "found.json", content), annotations, 10)


def test_a_missing_file_is_named(tmp_path: Path, annotations: AnnotationSet) -> None:
    """The error names the parameter and the file."""
    with pytest.raises(InputError, match=r"^detection\.file: .*nothing\.json does not exist"):
        results.from_file(tmp_path / "nothing.json", annotations, 10)


def test_ground_truth_has_only_instances_that_count() -> None:
    """Crowds, difficult instances and boxes without area are left out."""
    base = scenes(1, seed=0)
    annotations = AnnotationSet(
        base.images,
        base.categories,
        (
            make_instance(1, 1, 3, [0, 0, 10, 20]),
            make_instance(2, 1, 7, [5, 5, 30, 40], crowd=True),
            make_instance(3, 1, 7, [5, 5, 30, 40], difficult=True),
            make_instance(4, 1, 9, [7, 8, 7, 8]),
        ),
        "",
    )
    assert results.ground_truth(annotations) == [{"image_id": 1, "category_id": 3, "bbox": [0, 0, 10, 20], "score": 1}]


def test_files_do_not_depend_on_the_order_of_detections(tmp_path: Path) -> None:
    """Detections are sorted by image and score before they are written."""
    found = [results.make_detection(i % 3, 3 + i % 2, [i, i, i + 5, i + 7], 1 / (1 + i % 4)) for i in range(20)]
    write_results(found, tmp_path / "a.json")
    write_results(found[::-1], tmp_path / "folder" / "b.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "folder" / "b.json").read_bytes()
    written = json.loads((tmp_path / "a.json").read_text())
    assert [(d["image_id"], -d["score"]) for d in written] == sorted((d["image_id"], -d["score"]) for d in written)
    assert len(written) == 20


def test_no_detections_are_written_as_an_empty_list(tmp_path: Path) -> None:
    """A file without detections is valid JSON."""
    write_results([], tmp_path / "none.json")
    assert json.loads((tmp_path / "none.json").read_text()) == []
