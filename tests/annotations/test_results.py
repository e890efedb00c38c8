"""Reading results: good files are returned unchanged, and bad ones refused by file, entry and key."""

import json
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import Category
from hypercolumns.annotations.result_fields import BOX, KEYPOINTS, MASK, PARTS
from hypercolumns.annotations.results import column, read_results, take
from hypercolumns.errors import InputError
from tests.evaluation.scenes_for_evaluation import annotation_set, detection, instance, perfect

ANNOTATIONS = annotation_set(instance(1, (0, 0, 10, 10)), instance(2, (3, 3, 9, 9), image_id=2), images=2)
GOOD = detection((0, 0, 10, 10), 0.5)


def written(tmp_path, content):
    path = tmp_path / "results.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_good_results_are_returned_unchanged(tmp_path):
    entries = perfect(ANNOTATIONS)
    for answer in (BOX, MASK):
        for boxes in ("detections", "instances"):
            assert list(read_results(written(tmp_path, entries), ANNOTATIONS, answer, boxes)) == entries


def test_results_are_decoded_where_they_are_used(tmp_path):
    entries = [GOOD | {"score": score} for score in (0.5, 0.25, 1)]
    spread = "\n [ " + " ,\t".join(json.dumps(entry, indent=1) for entry in entries) + "\r\n]  "
    for text in (json.dumps(entries), spread):
        results = read_results(written(tmp_path, text), ANNOTATIONS, MASK)
        assert len(results) == 3
        assert [results[0], results[-1]] == [entries[0], entries[2]]
        assert results[1:] == entries[1:]
        assert column(results, "score").tolist() == [0.5, 0.25, 1]
        assert column(results, "image_id").tolist() == column(entries, "image_id").tolist() == [1, 1, 1]
        taken = take(results, np.array([2, 0]))
        assert list(taken) == take(entries, np.array([2, 0])) == [entries[2], entries[0]]
        assert column(taken, "score").tolist() == [1, 0.5]
        with pytest.raises(IndexError):
            results[3]


def test_results_take_little_more_memory_than_their_file(tmp_path):
    path = written(tmp_path, [GOOD] * 5000)
    tracemalloc.start()
    try:
        results = read_results(path, ANNOTATIONS, MASK)
        assert tracemalloc.get_traced_memory()[0] < 2 * path.stat().st_size
        list_of_results = list(results)
        assert tracemalloc.get_traced_memory()[0] > 4 * path.stat().st_size
    finally:
        tracemalloc.stop()
    assert len(list_of_results) == 5000


def test_an_empty_list_of_results_is_valid(tmp_path):
    assert list(read_results(written(tmp_path, []), ANNOTATIONS, MASK)) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"image_id": 9}, "image_id 9 is not among the 2 annotated images"),
        ({"image_id": "1"}, "image_id is '1', not an integer"),
        ({"category_id": 5}, r"category_id 5 is not one of 1 \(person\), 2 \(horse\), 7 \(car\)"),
        ({"score": float("nan")}, "score is nan, not a finite number"),
        ({"score": float("inf")}, "score is inf"),
        ({"score": None}, "score is None"),
        ({"score": 10**400}, "score is 10+, not a finite number"),
        ({"score": True}, "score is True"),
        ({"segmentation": masks.encode(np.ones((60, 40), dtype=bool))}, r"size \[60, 40\], its image is \[40, 60\]"),
        ({"segmentation": {"size": [40, 60], "counts": "abc"}}, "do not add up to 40 x 60"),
        ({"segmentation": {"size": [40, 60], "counts": "é"}}, "do not add up"),
        ({"segmentation": [[0, 0, 5, 0, 5, 5]]}, "not a compressed RLE"),
    ],
)
def test_a_bad_entry_is_refused_by_file_and_entry(tmp_path, change, complaint):
    path = written(tmp_path, [GOOD, GOOD | change])
    with pytest.raises(InputError, match=rf"results\.json, entry 1: .*{complaint}"):
        read_results(path, ANNOTATIONS, MASK)


@pytest.mark.parametrize("box", [[0, 0, 5], [0, 0, 0, 5], [0, 0, float("nan"), 5], "box", [0, 0, "1", 2]])
def test_a_bad_box_is_refused(tmp_path, box):
    with pytest.raises(InputError, match=r"bbox is .* not x, y, width, height"):
        read_results(written(tmp_path, [GOOD | {"bbox": box}]), ANNOTATIONS, BOX)


@pytest.mark.parametrize("key", ["image_id", "category_id", "score", "segmentation"])
def test_a_missing_key_is_refused_with_a_list_of_the_keys_needed(tmp_path, key):
    entry = {name: value for name, value in GOOD.items() if name != key}
    with pytest.raises(InputError, match=f"'{key}' is missing; such results need category_id, image_id, score"):
        read_results(written(tmp_path, [entry]), ANNOTATIONS, MASK)


@pytest.mark.parametrize(("number", "complaint"), [(2, "not an instance of image 1"), (9, "not an instance")])
def test_an_instance_of_another_image_is_refused(tmp_path, number, complaint):
    with pytest.raises(InputError, match=complaint):
        read_results(
            written(tmp_path, [GOOD | {"instance_id": number}]),
            ANNOTATIONS,
            MASK,
            "instances",
        )


def test_a_second_mask_for_an_instance_is_refused(tmp_path):
    entry = GOOD | {"instance_id": 1}
    with pytest.raises(InputError, match="entry 1: instance_id 1 occurs twice"):
        read_results(written(tmp_path, [entry, entry]), ANNOTATIONS, MASK, "instances")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("{", "is not JSON"),
        ("", "is not JSON"),
        ("[", "is not JSON"),
        (f"[{json.dumps(GOOD)}", "is not JSON: Expecting ',' or the end"),
        (f"[{json.dumps(GOOD)},]", "is not JSON: Expecting value"),
        (f"[{json.dumps(GOOD)} {json.dumps(GOOD)}]", "is not JSON: Expecting ','"),
        (f"[{json.dumps(GOOD)}]]", "is not JSON"),
        ("[]1", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"a": 1}', "list"),
        ("[3]", "entry 0"),
    ],
)
def test_files_that_do_not_hold_results_are_refused(tmp_path, content, complaint):
    with pytest.raises(InputError, match=complaint):
        read_results(written(tmp_path, content), ANNOTATIONS, MASK)


def test_the_error_on_a_missing_file_knows_the_step_that_writes_it(tmp_path):
    with pytest.raises(InputError, match=r"none\.json does not exist\.") as error:
        read_results(tmp_path / "none.json", ANNOTATIONS, MASK, step="predict")
    assert error.value.step == "predict"


@pytest.mark.parametrize("seed", range(10))
def test_the_runs_of_any_mask_add_up_to_its_pixels(seed):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 400, 2)
    mask = rng.random((height, width)) < rng.choice([0.0, 0.001, 0.5, 1.0])
    counts = masks.encode(mask)["counts"]
    assert masks.run_total(counts) == height * width


def test_counting_runs_detects_a_truncated_code_that_pycocotools_accepts():
    mask = np.random.default_rng(0).random((20, 30)) < 0.5
    counts = masks.encode(mask)["counts"][:-9]
    assert coco_mask.area({"size": [20, 30], "counts": counts}) > 0
    assert masks.run_total(counts) != 600


PARTS_AND_KEYPOINTS = replace(
    ANNOTATIONS,
    categories=(Category(1, "person", ("nose", "hand"), (), ("head", "legs")), *ANNOTATIONS.categories[1:]),
)
HEAD = {"name": "head", "segmentation": GOOD["segmentation"]}


@pytest.mark.parametrize(
    ("answer", "boxes", "change", "complaint"),
    [
        (KEYPOINTS, "detections", {"keypoints": [1, 2, 0.5]}, "keypoints must be 6 finite numbers.* of person"),
        (KEYPOINTS, "detections", {"keypoints": [1, 2, 0.5, 3, float("nan"), 1]}, "6 finite numbers"),
        (KEYPOINTS, "detections", {"keypoints": "1 2"}, "6 finite numbers"),
        (KEYPOINTS, "detections", {"category_id": 2, "keypoints": [1, 2, 3]}, "keypoints must be 0 finite numbers"),
        (KEYPOINTS, "instances", {"keypoints": [0] * 6}, "'instance_id' is missing"),
        (PARTS, "detections", {"parts": {}}, r"parts must be a list of objects .*, not \{\}"),
        (PARTS, "detections", {"parts": [{"name": "head"}]}, "a part is an object with 'name' and 'segmentation'"),
        (
            PARTS,
            "detections",
            {"parts": [HEAD | {"name": "tail"}]},
            "part 'tail' is not a part of person; choose from head, legs",
        ),
        (
            PARTS,
            "detections",
            {"parts": [HEAD | {"segmentation": {"size": [1, 1], "counts": "1"}}]},
            "part 'head': segmentation",
        ),
        (PARTS, "detections", {}, "'parts' is missing"),
        (PARTS, "instances", {"parts": [HEAD], "instance_id": 9}, "instance_id 9 is not an instance"),
    ],
)
def test_malformed_keypoints_and_parts_are_refused_by_file_and_entry(tmp_path, answer, boxes, change, complaint):
    path = written(tmp_path, [GOOD | change])
    with pytest.raises(InputError, match=rf"results\.json, entry 0: .*{complaint}"):
        read_results(path, PARTS_AND_KEYPOINTS, answer, boxes)


def test_good_keypoints_and_parts_are_returned_unchanged(tmp_path):
    entries = [GOOD | {"instance_id": 1, "keypoints": [1, 2, 0.5, 0, 0, 0], "parts": [HEAD]}]
    for answer in (KEYPOINTS, PARTS):
        for boxes in ("detections", "instances"):
            assert list(read_results(written(tmp_path, entries), PARTS_AND_KEYPOINTS, answer, boxes)) == entries


def test_a_second_result_for_an_instance_is_refused_for_every_task(tmp_path):
    entry = GOOD | {"instance_id": 1, "keypoints": [1, 2, 0.5, 0, 0, 0], "parts": []}
    for answer in (KEYPOINTS, PARTS):
        with pytest.raises(InputError, match="instance_id 1 occurs twice"):
            read_results(written(tmp_path, [entry, entry]), PARTS_AND_KEYPOINTS, answer, "instances")
