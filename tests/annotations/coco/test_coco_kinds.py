"""Forms of COCO files that people bring: each gives what was drawn, or is refused with the cause."""

import json
import math

import pytest

from hypercolumns.annotations.usable import check_usable
from hypercolumns.errors import InputError
from hypercolumns.parameters import DatasetParameters
from tests.annotations.drawings import (
    CORNERS,
    HEIGHT,
    SCENES,
    TRAIN,
    VAL,
    WIDTH,
    coco,
    draw_all,
    drawn,
    found,
    read,
    read_files,
)


def keypoint_file(names, first_id=1, **fields) -> dict:
    """A COCO file whose objects have their corners as keypoints."""
    content = coco(names, first_id, **{"keypoints": lambda s: s.keypoints} | fields)
    for category in content["categories"]:
        category |= {"keypoints": list(CORNERS), "skeleton": [[1, 2], [2, 3], [3, 4]]}
    return content


def corners(annotations) -> list[list[float]]:
    """The keypoints of all objects."""
    return [list(i.keypoints) for i in annotations.instances]


DRAWN_CORNERS = [s.keypoints for name in TRAIN for s in SCENES[name]]


# Ids


@pytest.mark.parametrize(
    "make_id",
    [lambda n: f"id{n}", lambda n: f"{n:08x}-0000-4000-8000-000000000000", lambda n: n + 0.5, lambda n: n - 9],
    ids=["names", "UUIDs", "fractions", "negative numbers"],
)
@pytest.mark.parametrize("what", ["images", "categories", "annotations"])
def test_ids_that_are_not_positive_integers_are_numbered(tmp_path, make_id, what):
    """pycocotools only compares ids, so that other tools write names, UUIDs or any number."""
    content = coco(TRAIN)
    for entry in content[what]:
        entry["id"] = make_id(entry["id"])
    reference = {"images": "image_id", "categories": "category_id"}.get(what)
    for annotation in content["annotations"] if reference else ():
        annotation[reference] = make_id(annotation[reference])
    sets = read_files(tmp_path, content)
    assert found(sets["train"]) == drawn(names=TRAIN)
    ids = {"images": sets["train"].images, "categories": sets["train"].categories}.get(what, sets["train"].instances)
    assert [entry.id for entry in ids] == list(range(1, len(ids) + 1))


def test_integers_with_a_decimal_point_are_integers(tmp_path):
    """A column of ids with a missing value becomes one of floats in pandas."""
    content = coco(TRAIN, image_id=lambda _: None)
    for annotation, image in zip(content["annotations"], (0, 0, 1, 2, 3), strict=True):
        annotation |= {"image_id": float(1 + image), "category_id": float(annotation["category_id"])}
    assert found(read_files(tmp_path, content)["train"]) == drawn(names=TRAIN)


def test_annotations_without_ids_are_numbered(tmp_path):
    """Nothing refers to them."""
    content = coco(TRAIN)
    for annotation in content["annotations"]:
        del annotation["id"]
    sets = read_files(tmp_path, content)
    assert found(sets["train"]) == drawn(names=TRAIN)
    assert [i.id for i in sets["train"].instances] == [1, 2, 3, 4, 5]


# Categories


def test_val_lists_other_ids_another_order_and_more_categories(tmp_path):
    """Names decide, also for keypoints, which val may list in another order or only in part."""
    val = keypoint_file(VAL, first_id=7, keypoints=lambda s: [*s.keypoints[6:9], *s.keypoints[0:3]])
    val["categories"] = [{"id": 3, "name": "nobody"}, *reversed(val["categories"])]
    for category in val["categories"][1:]:
        category["keypoints"] = ["lower_right", "upper_left"]
        category["skeleton"] = [[1, 2]]
    sets = read_files(tmp_path, keypoint_file(TRAIN), val, ["keypoints"])
    assert sets["val"].categories == sets["train"].categories
    assert found(sets["val"]) == drawn(names=VAL)
    expected = [[*s.keypoints[0:3], 0, 0, 0, *s.keypoints[6:9], 0, 0, 0] for name in VAL for s in SCENES[name]]
    assert corners(sets["val"]) == expected


def test_keypoints_of_val_that_train_lacks_leave_an_object_without_keypoints(tmp_path):
    """An object of which no known keypoint is labelled has none, as everywhere else."""
    val = keypoint_file(VAL, keypoints=lambda s: [*s.corners[0], 2, 0, 0, 0])
    for category in val["categories"]:
        category |= {"keypoints": ["centre", "upper_left"], "skeleton": []}
    sets = read_files(tmp_path, keypoint_file(TRAIN), val, ["segmentation"])
    assert corners(sets["val"]) == [[]] * len(sets["val"].instances)


def test_a_category_with_annotations_stays_although_others_have_it_as_supercategory(tmp_path):
    """Only a category that groups others and has no object itself is not a category of objects."""
    content = coco(TRAIN)
    content["categories"] += [{"id": 3, "name": "shape", "supercategory": ""}, {"id": 4, "name": "thing"}]
    for category in content["categories"][:2]:
        category["supercategory"] = "shape"
    content["annotations"][0]["category_id"] = 3
    names = [c.name for c in read_files(tmp_path, content)["train"].categories]
    assert names == ["car", "dog", "shape", "thing"]
    content["annotations"][0]["category_id"] = 1
    sets = read_files(tmp_path, content)
    assert [c.name for c in sets["train"].categories] == ["car", "dog", "thing"]
    assert sets["train"].counts == {"unused_categories": 1}


@pytest.mark.parametrize(
    ("skeleton", "expected"),
    [
        ([[0, 1], [1, 2], [2, 3]], ((1, 2), (2, 3), (3, 4))),
        ([[1, 2], [3, 4]], ((1, 2), (3, 4))),
        ([[2, 4]], ((2, 4),)),
        ([], ()),
        ([[]], ()),
        (None, ()),
        ([[0, 4]], None),
        ([[-1, 2]], None),
        ([[1, 2, 3]], None),
        (["upper_left", "upper_right"], None),
        ([[1, None]], None),
    ],
)
@pytest.mark.parametrize("task", ["keypoints", "segmentation"])
def test_skeletons_count_from_0_or_1_and_never_stop_a_run(tmp_path, skeleton, expected, task):
    """Keypoints are read all the same; a skeleton that cannot be one is left out and counted."""
    content = keypoint_file(TRAIN)
    for category in content["categories"]:
        category["skeleton"] = skeleton
    sets = read_files(tmp_path, content, tasks=[task])
    assert {c.skeleton for c in sets["train"].categories} == {expected or ()}
    assert sets["train"].counts == ({} if expected is not None else {"malformed_skeletons": 2})
    assert corners(sets["train"]) == DRAWN_CORNERS


# Fields that say nothing


@pytest.mark.parametrize("nothing", [None, math.nan], ids=["null", "NaN"])
@pytest.mark.parametrize("key", ["id", "iscrowd", "area", "num_keypoints", "difficult", "parts", "attributes", "bbox"])
def test_null_and_nan_count_as_absent_in_annotations(tmp_path, key, nothing):
    """pandas writes NaN, which is not JSON, for a missing value; other tools write null."""
    content = keypoint_file(TRAIN)
    for annotation in content["annotations"]:
        annotation[key] = nothing
    sets = read_files(tmp_path, content, tasks=["segmentation", "keypoints"])
    assert found(sets["train"]) == drawn(names=TRAIN)
    assert corners(sets["train"]) == DRAWN_CORNERS
    assert sets["train"].counts == {}


@pytest.mark.parametrize("nothing", [None, math.nan], ids=["null", "NaN"])
def test_null_and_nan_count_as_absent_elsewhere(tmp_path, nothing):
    """The same holds for images, categories and the file."""
    content = coco(TRAIN) | {"info": nothing, "licenses": nothing}
    for image in content["images"]:
        image |= dict.fromkeys(("width", "height", "license", "date_captured"), nothing)
    for category in content["categories"]:
        category |= dict.fromkeys(("supercategory", "keypoints", "skeleton", "parts"), nothing)
    sets = read_files(tmp_path, content)
    assert found(sets["train"]) == drawn(names=TRAIN)
    assert {(i.width, i.height) for i in sets["train"].images} == {(WIDTH, HEIGHT)}


@pytest.mark.parametrize("nothing", [[None, None, None], [math.nan, math.nan, 0], [-1, -1, 0], [0, 0, 0]])
def test_keypoints_that_are_null_are_unlabelled(tmp_path, nothing):
    """The other keypoints of the object stay."""
    content = keypoint_file(TRAIN, keypoints=lambda s: [*s.keypoints[:9], *nothing])
    sets = read_files(tmp_path, content, tasks=["keypoints"])
    assert corners(sets["train"]) == [[*values[:9], 0, 0, 0] for values in DRAWN_CORNERS]


@pytest.mark.parametrize(
    ("keypoints", "complaint"),
    [
        (lambda s: [*s.keypoints[:9], None, 5, 2], "'lower_left' with null in place of x, y or visibility"),
        (lambda s: s.polygon, "has 8 keypoint values; its category car needs 12: x, y and visibility of each"),
        (lambda s: [v / (WIDTH, HEIGHT, 1)[i % 3] for i, v in enumerate(s.keypoints)], "not shares of the image's"),
    ],
    ids=["null", "no visibility", "relative"],
)
def test_keypoints_that_could_mean_anything_are_refused_where_they_are_needed(tmp_path, keypoints, complaint):
    """Another task goes on without them, and counts them."""
    content = keypoint_file(TRAIN, keypoints=keypoints)
    with pytest.raises(InputError, match=complaint):
        read_files(tmp_path, content, tasks=["keypoints"])
    sets = read_files(tmp_path, content, tasks=["segmentation"])
    assert found(sets["train"]) == drawn(names=TRAIN)
    assert sets["train"].counts == {"malformed_keypoints": 5}


@pytest.mark.parametrize(
    ("value", "expected"), [(0, False), ("0", False), (False, False), ("", False), (1, True), ("1", True), (True, True)]
)
@pytest.mark.parametrize("flag", ["iscrowd", "difficult"])
def test_flags_may_be_numbers_words_or_truth_values(tmp_path, flag, value, expected):
    """Both flags are read alike."""
    train = read_files(tmp_path, coco(TRAIN, **{flag: lambda _: value}))["train"]
    assert {i.crowd if flag == "iscrowd" else i.difficult for i in train.instances} == {expected}


@pytest.mark.parametrize("value", ["Unspecified", 3, [1]])
def test_a_difficult_flag_that_cannot_be_read_costs_nothing_else(tmp_path, value):
    """Tools write attributes of that name, with any content."""
    sets = read_files(tmp_path, coco(TRAIN, difficult=lambda _: value))
    assert found(sets["train"]) == drawn(names=TRAIN)
    assert sets["train"].counts == {"unreadable_flags": 5}


# Boxes without masks


@pytest.mark.parametrize(
    "segmentation", ["absent", None, [], {}, [[]], "", [[5, 6]], [[5, 6, 25, 26]], [[5, 6], [7, 8]]]
)
@pytest.mark.parametrize("indent", [None, 8])
def test_without_a_polygon_of_three_corners_the_box_is_the_annotation(tmp_path, segmentation, indent):
    """Keypoint and detection sets have no masks, which tools express in many ways."""
    content = keypoint_file(TRAIN, segmentation=lambda _: segmentation)
    for annotation in content["annotations"] if segmentation == "absent" else ():
        del annotation["segmentation"]
    sets = read_files(tmp_path, json.dumps(content, indent=indent), tasks=["keypoints"])
    assert found(sets["train"]) == drawn(names=TRAIN)
    assert not any(i.has_mask for i in sets["train"].instances)
    assert corners(sets["train"]) == DRAWN_CORNERS


@pytest.mark.parametrize("bbox", ["absent", None, [], [None] * 4, [0, 0, 0, 0], [5, 6, 0, 20], [200, 200, 20, 20]])
def test_objects_with_neither_mask_nor_box_are_counted(tmp_path, bbox):
    """They never stop a run; where all are so, the cure is named."""
    content = coco(TRAIN, segmentation=lambda _: [], bbox=lambda _: bbox)
    for annotation in content["annotations"] if bbox == "absent" else ():
        del annotation["bbox"]
    sets = read_files(tmp_path, content)
    assert (sets["train"].instances, sets["train"].counts) == ((), {"objects_without_mask_or_box": 5})
    with pytest.raises(InputError, match="5 objects without mask or box are left out; annotate a segmentation or a bb"):
        check_usable(sets["train"], sets["val"], DatasetParameters(format="coco"))


def relative(values):
    """Pixels as shares of the image's sides."""
    return [value / (WIDTH, HEIGHT)[i % 2] for i, value in enumerate(values)]


@pytest.mark.parametrize(
    "fields",
    [
        {"segmentation": lambda s: [relative(s.polygon)]},
        {"segmentation": lambda s: relative(s.polygon), "bbox": lambda s: relative(s.bbox)},
        {"segmentation": lambda _: [], "bbox": lambda s: relative(s.bbox)},
    ],
    ids=["polygons", "both", "boxes"],
)
def test_relative_coordinates_are_named_as_the_cause(tmp_path, fields):
    """Otherwise every object would be in the upper left pixel, or vanish."""
    sets = read_files(tmp_path, coco(TRAIN, **fields))
    assert (sets["train"].instances, sets["train"].counts) == ((), {"objects_in_relative_coordinates": 5})
    with pytest.raises(InputError, match="in relative coordinates are left out; multiply the coordinates by the width"):
        check_usable(sets["train"], sets["val"], DatasetParameters(format="coco"))


def test_a_photograph_that_must_tell_its_size_is_named_with_its_image(tmp_path):
    """The message leads to the entry of the annotation file."""
    content = coco(TRAIN)
    content["images"][2] |= {"file_name": "missing.jpg", "width": 0, "height": 0}
    with pytest.raises(
        InputError, match=r"missing\.jpg does not exist.*named by image 3 of .*train\.json, which has no"
    ):
        read_files(tmp_path, content)


def test_lvis_has_addresses_in_place_of_names(tmp_path):
    """LVIS 1.0 has neither `file_name` nor `iscrowd`."""
    content = coco(TRAIN)
    for image in content["images"]:
        image["coco_url"] = f"http://images.cocodataset.org/train2017/{image.pop('file_name')}"
        image |= {"neg_category_ids": [2], "not_exhaustive_category_ids": []}
    for annotation in content["annotations"]:
        del annotation["iscrowd"]
    assert found(read_files(tmp_path, content)["train"]) == drawn(names=TRAIN)


# Encodings


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("value", [1.0, math.nan], ids=["JSON", "with NaN"])
def test_files_in_any_unicode_encoding(tmp_path, encoding, value):
    """Windows programs write a byte order mark or UTF-16."""
    draw_all(tmp_path / "photos")
    for split, names in (("train", TRAIN), ("val", VAL)):
        content = coco(names, area=lambda _: value)
        content["categories"][1]["name"] = "chien d'été"
        (tmp_path / f"{split}.json").write_text(json.dumps(content, ensure_ascii=False), encoding=encoding)
    train = read(tmp_path, train="train.json", val="val.json", images="photos")["train"]
    assert [c.name for c in train.categories] == ["car", "chien d'été"]
    expected = drawn(names=TRAIN)
    renamed = {name: [(c.replace("dog", "chien d'été"), *rest) for c, *rest in expected[name]] for name in expected}
    assert found(train) == renamed
