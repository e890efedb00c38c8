"""COCO: the same masks give the same annotations as VOC, in any form that COCO allows; errors name what is wrong."""

import json
from dataclasses import replace

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from hypercolumns.annotations import masks
from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.coco.file import CocoFile
from hypercolumns.errors import InputError
from hypercolumns.parameters import DatasetParameters
from tests.annotations import annotation_layouts as layouts
from tests.annotations.reading import read_split


def coco_settings(root):
    """Parameters for a data set that `make_coco` wrote."""
    return DatasetParameters(format="coco", root=str(root), train="train.json", val="val.json", images="photographs")


def read_content(tmp_path, content):
    """Read the train split of a data set with the given annotation file."""
    return read_split(coco_settings(layouts.make_coco(tmp_path / "coco", content)), "train")


def test_coco_equals_voc(tmp_path):
    """Compressed and uncompressed codes must give the annotations that label images give, ids aside."""
    found = read_split(coco_settings(layouts.make_coco(tmp_path / "coco")), "train")
    expected = read_split(DatasetParameters(format="voc", root=str(layouts.make_voc(tmp_path / "voc"))), "train")
    assert [i.id for i in found.images] == [11, 12]
    assert [i.id for i in found.instances] == [100, 101, 102]
    for ours, theirs in zip(found.instances, expected.instances, strict=True):
        assert ours.segmentation == theirs.segmentation
        assert (ours.box, ours.area, ours.category_id) == (theirs.box, theirs.area, theirs.category_id)


def test_saved_annotations_are_valid_coco(tmp_path):
    """Annotations that `save` wrote are read as COCO with the same masks, crowds, flags and keypoints."""
    content = layouts.coco_content()
    content["categories"][1] |= {"keypoints": ["head", "foot"], "skeleton": [[1, 2]]}
    content["annotations"][0]["keypoints"] = [5.5, 6, 2, 0, 0, 0]
    content["annotations"][1]["iscrowd"] = 1
    first = read_content(tmp_path, content)
    assert first.instances[0].keypoints == (5.5, 6, 2, 0, 0, 0)
    assert first.instances[1].crowd
    assert first.category_by_id[layouts.PERSON].skeleton == ((1, 2),)
    first.save(tmp_path / "coco" / "train.json")
    second = read_split(coco_settings(tmp_path / "coco"), "train")
    assert second.instances == first.instances
    assert second.categories == first.categories
    assert [replace(i, origin="") for i in second.images] == [replace(i, origin="") for i in first.images]


def test_polygons_cover_the_pixels_that_pycocotools_covers(tmp_path):
    """Several polygons of an object are united; those with fewer than three corners add nothing."""
    content = layouts.coco_content()
    square, triangle = [2.0, 3, 12, 3, 12, 9, 2, 9], [20.0, 20, 30, 20, 25, 28]
    content["annotations"][0]["segmentation"] = [square, triangle, [1.0, 1, 30, 25]]  # the last encloses nothing
    codes = coco_mask.frPyObjects([square, triangle], layouts.HEIGHT, layouts.WIDTH)
    expected = coco_mask.decode(coco_mask.merge(codes)).astype(bool)
    instance = read_content(tmp_path, content).instances[0]
    np.testing.assert_array_equal(masks.decode(instance.segmentation), expected)
    assert instance.area == expected.sum()


def test_empty_masks_are_dropped_and_counted(tmp_path):
    """An object without pixels is left out and counted, in every form of an empty mask; its image stays."""
    content = layouts.coco_content()
    content["annotations"][1]["segmentation"] = {"size": [30, 40], "counts": [1200]}
    content["annotations"][2]["segmentation"] = [[50.0, 50, 60, 50, 60, 60]]
    found = read_content(tmp_path, content)
    assert [i.id for i in found.instances] == [100]
    assert found.counts["empty_masks"] == 2
    assert len(found.images) == 2


def test_a_list_selects_and_orders_images(tmp_path):
    """Each split reads the images of its list in the order of the list; unknown names and empty lists are refused."""
    root = layouts.make_coco(tmp_path / "coco")
    layouts.write_list(root / "both.txt", ("second", "first"))
    layouts.write_list(root / "one.txt", ("second",))
    settings = coco_settings(root).model_copy(update={"train_list": "both.txt", "val_list": "one.txt"})
    assert [i.id for i in read_split(settings, "train").images] == [12, 11]
    assert [i.image_id for i in read_split(settings, "val").instances] == [12]
    layouts.write_list(root / "one.txt", ("third",))
    with pytest.raises(InputError, match="'third'"):
        read_split(settings, "val")
    layouts.write_list(root / "one.txt", ())
    with pytest.raises(InputError, match="is empty"):
        read_split(settings, "val")


def test_selected_categories_keep_their_ids(tmp_path):
    """Selecting categories changes neither their ids nor those of instances, and unknown categories are refused."""
    settings = coco_settings(layouts.make_coco(tmp_path / "coco")).model_copy(update={"categories": ("person",)})
    found = read_split(settings, "train")
    assert [(c.id, c.name) for c in found.categories] == [(layouts.PERSON, "person")]
    assert [i.id for i in found.instances] == [100]
    assert found.counts["other_categories"] == 2
    with pytest.raises(InputError, match=r"'dog'.*car, person"):
        read_split(settings.model_copy(update={"categories": ("dog",)}), "train")


def _set_entry(content, path, value):
    for key in path[:-1]:
        content = content[key]
    content[path[-1]] = value


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("images", 0, "file_name"), "../third.jpg", "stays inside"),
        (("images", 0, "file_name"), "/third.jpg", "stays inside"),
        (("images", 0, "file_name"), "second.jpg", "file name 'second.jpg' twice"),
        (("images", 0, "id"), 12, "image id 12 twice"),
        (("images", 0, "width"), -1, "image 11 has the size -1 x 30"),
        (("images", 0, "width"), 2**32, "image 11 has the size 4294967296 x 30"),
        (("images", 0, "width"), 40.5, "not whole pixels"),
        (("images", 0, "width"), "40", "width must be int or float or null, not str"),
        (("images",), [], "lists no images"),
        (("annotations", 0, "id"), 101, "annotation id 101 twice"),
        (("annotations", 0, "image_id"), 99, "image 99"),
        (("annotations", 0, "category_id"), 99, "category 99"),
        (("annotations", 0, "iscrowd"), 2, "annotation 100 has iscrowd 2"),
        (("annotations", 0, "segmentation"), [[1, 2, 3, 4, 5, 6, 7]], "odd number"),
        (("annotations", 0, "segmentation"), [[0, 0, 1e9, 0, 1e9, 1e9]], "far outside"),
        (("annotations", 0, "segmentation"), {"size": [40, 30], "counts": "0"}, "30 x 40"),
        (("annotations", 0, "segmentation"), {"size": [30, 40], "counts": [5, 6]}, "11 pixels"),
        (("annotations", 0, "segmentation"), {"size": [30, 40], "counts": "oo"}, "does not fill"),
        (("annotations", 0, "segmentation"), {"size": [30, 40], "counts": "54é"}, "does not fill"),
        (("annotations", 0, "keypoints"), [1, 2, 2], "3 keypoint values"),
        (("categories", 1, "id"), 7, "category id 7 twice"),
        (("categories", 1, "name"), "car", "'car' twice"),
        (("annotations", 0, "segmentation"), "nothing", "annotation 100: its segmentation is neither"),
        (("annotations", 0, "segmentation"), {"counts": [1200]}, "annotation 100: its segmentation is neither"),
        (("annotations", 0), 7, "annotation 1: the entry must be object, not int"),
    ],
)
def test_an_invalid_entry_is_named(tmp_path, path, value, complaint):
    """One paragraph names the entry of the file that is invalid."""
    content = layouts.coco_content()
    _set_entry(content, path, value)
    with pytest.raises(InputError, match=complaint) as error:
        read_content(tmp_path, content)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"images": 3}', '{"images": [], "categories": []}'])
def test_other_json_is_refused(tmp_path, text):
    """Broken JSON and JSON of another structure are refused with the name of the file."""
    root = layouts.make_coco(tmp_path / "coco")
    (root / "train.json").write_text(text)
    with pytest.raises(InputError, match=r"train\.json is not a COCO annotation file"):
        read_split(coco_settings(root), "train")


def test_missing_folders_and_files_are_named(tmp_path):
    """The message names the missing path and the parameter that points to it."""
    settings = coco_settings(layouts.make_coco(tmp_path / "coco"))
    for key, value in (
        ("root", str(tmp_path / "no")),
        ("images", "no"),
        ("train", "no.json"),
        ("train_list", "no.txt"),
    ):
        with pytest.raises(InputError, match=r"no.*does not exist") as error:
            read_split(settings.model_copy(update={key: value}), "train")
        assert f"dataset.{key}" in str(error.value)


def test_val_may_have_a_separate_folder_of_photographs(tmp_path):
    """`dataset.val_images` replaces `dataset.images` for val only."""
    root = layouts.make_coco(tmp_path / "coco")
    (root / "later").mkdir()
    settings = coco_settings(root).model_copy(update={"val_images": "later"})
    assert read_split(settings, "train").image_root == str(root / "photographs")
    assert read_split(settings, "val").image_root == str(root / "later")


def test_run_length_codes_are_checked_as_pycocotools_writes_them(tmp_path):
    """Every code that pycocotools writes passes; a code that is cut off is refused."""
    rng = np.random.default_rng(0)
    for share in (0.02, 0.5, 0.98):
        mask = rng.random((layouts.HEIGHT, layouts.WIDTH)) < share
        code = masks.encode(mask)
        content = layouts.coco_content()
        content["annotations"] = content["annotations"][:1]
        content["annotations"][0]["segmentation"] = dict(code)
        found = read_content(tmp_path / str(share), content)
        np.testing.assert_array_equal(masks.decode(found.instances[0].segmentation), mask)
        for length in rng.integers(0, len(code["counts"]), 5):
            content["annotations"][0]["segmentation"] = {"size": code["size"], "counts": code["counts"][:length]}
            (tmp_path / str(share) / "coco" / "train.json").write_text(json.dumps(content))
            with pytest.raises(InputError, match="does not fill"):
                read_split(coco_settings(tmp_path / str(share) / "coco"), "train")


@pytest.mark.parametrize(
    ("key", "value", "split"),
    [("images", "nowhere", "train"), ("val_images", "nowhere", "val"), ("images", "train.json", "val")],
)
def test_a_wrong_folder_of_photographs_is_named_by_its_key(tmp_path, key, value, split):
    """The message names the parameter that is wrong, not `dataset.root`, which is right."""
    settings = coco_settings(layouts.make_coco(tmp_path / "coco")).model_copy(update={key: value})
    with pytest.raises(InputError, match=f"dataset.{key} names '{value}', but") as caught:
        read_split(settings, split)
    assert "dataset.root" not in str(caught.value)


@pytest.mark.parametrize(("key", "subject"), [("name", "a category"), ("keypoints", "a keypoint"), ("parts", "a part")])
@pytest.mark.parametrize("empty", ["", " "])
def test_empty_names_are_refused(tmp_path, key, subject, empty):
    """Categories, keypoints and parts need names that are not blank."""
    content = layouts.coco_content()
    content["categories"][1][key] = empty if key == "name" else ["left", empty]
    with pytest.raises(InputError, match=rf"train\.json: {subject} .*has no name"):
        read_content(tmp_path, content)


@pytest.mark.parametrize("segmentation", [3, [[0.1, 0.2, 0.3, 0.2, 0.3, 0.4]], {"size": [3, 3], "counts": [9]}])
def test_a_malformed_mask_costs_nothing_where_only_keypoints_are_wanted(tmp_path, segmentation):
    """The box does; other tasks need the mask."""
    content = layouts.coco_content()
    content["annotations"][0] |= {"segmentation": segmentation, "bbox": [3, 4, 10, 12], "area": None}
    settings = coco_settings(layouts.make_coco(tmp_path / "coco", content))
    found = read_split(settings, tasks=["keypoints"])
    assert (found.instances[0].box, found.instances[0].segmentation) == ((3, 4, 13, 16), None)
    assert found.counts["malformed_masks"] == 1
    skipping = settings.model_copy(update={"skip_bad": True})
    assert len(read_split(skipping, tasks=["segmentation", "keypoints"]).instances) == 2


def test_an_image_id_of_two_photographs_leaves_out_both(tmp_path):
    """No annotation tells which of the two it belongs to; a third photograph remains."""
    content = layouts.coco_content()
    third = content["images"][1]
    content["images"] = [
        content["images"][0],
        third | {"id": content["images"][0]["id"]},
        third | {"file_name": "3.jpg"},
    ]
    (tmp_path / "a.json").write_text(json.dumps(content))
    bad_items = BadItems(True, ["segmentation"])
    file = CocoFile.open(tmp_path / "a.json", bad_items, 10**6)
    assert [image.file_name for image in file.images.values()] == ["3.jpg"]
    assert bad_items.counts["malformed_images"] == 1


@pytest.mark.parametrize("text", ["NaN", "-Infinity", " Infinity "])
def test_what_is_not_finite_counts_as_absent(tmp_path, text):
    """pandas writes it for missing values."""
    content = json.dumps(layouts.coco_content() | {"unknown": [1, "x"]}).replace('"x"', f'{text}, {text},"NaN"')
    (tmp_path / "a.json").write_text(content)
    assert len(CocoFile.open(tmp_path / "a.json", BadItems(False, ["segmentation"]), 10**6).images) == 2


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        ([[0, 0, 400, 300] * 50_000], "a polygon whose edges have more than 4000000 pixels"),
        ([[0, 0, 1e6, 0, 1e6, 1e6]], "lies far outside its 40 x 30 image"),
        ({"size": [30, 40], "counts": "o" * 10**6}, "does not fill"),
    ],
)
def test_masks_that_would_take_memory_or_time_are_refused(tmp_path, segmentation, message):
    """Pycocotools takes memory for every pixel along an edge, and ends the process if there is none."""
    content = layouts.coco_content()
    content["annotations"][0]["segmentation"] = segmentation
    with pytest.raises(InputError, match=message):
        read_content(tmp_path, content)


def test_a_compact_outline_may_have_many_corners(tmp_path):
    """The limit is for the pixels along edges."""
    content = layouts.coco_content()
    content["annotations"][0]["segmentation"] = [[2, 2] * 10_000 + [12, 2] * 10_000 + [12, 9] * 10_000]
    triangle = masks.from_polygons([[2, 2, 12, 2, 12, 9]], layouts.HEIGHT, layouts.WIDTH)
    assert read_content(tmp_path, content).instances[0].segmentation == triangle


def read_box(tmp_path, **changes):
    """Read a data set whose first annotation has a box and no mask."""
    content = layouts.coco_content()
    entry = {"id": 1, "image_id": 11, "category_id": layouts.CAR, "bbox": [5, 5, 10, 20]}
    content["annotations"][0] = entry | changes
    return read_content(tmp_path, content)


@pytest.mark.parametrize(("area", "expected", "left_out"), [(60, 60, 0), (0, 200, 0), (None, 200, 0), (-5, 200, 1)])
def test_the_area_of_a_box_is_that_of_the_file_if_it_can_be_one(tmp_path, area, expected, left_out):
    found = read_box(tmp_path, area=area)
    assert found.instances[0].area == expected
    assert found.counts.get("unreadable_areas", 0) == left_out


def test_a_box_far_outside_is_refused(tmp_path):
    """Pixels for all of it would not fit in memory."""
    with pytest.raises(InputError, match=r"annotation 1 has the bbox .*, far outside its 40 x 30 image"):
        read_box(tmp_path, bbox=[0, 0, 1e9, 5])


@pytest.mark.parametrize(
    ("flag", "difficult", "left_out"), [(1, True, 0), ("0", False, 0), (None, False, 0), (-1, False, 1)]
)
def test_difficult_is_0_or_1(tmp_path, flag, difficult, left_out):
    """Anything else is counted and taken for 0."""
    found = read_box(tmp_path, difficult=flag)
    assert found.instances[0].difficult == difficult
    assert found.counts.get("unreadable_flags", 0) == left_out


@pytest.mark.parametrize(
    ("ids", "numbers", "source_ids"),
    [([3, 2.0], [3, 2], ["", ""]), ([-1, 2], [1, 2], ["-1", ""]), (["a", 1], [1, 2], ["a", "1"])],
)
def test_ids_that_are_replaced_are_remembered(tmp_path, ids, numbers, source_ids):
    """Results refer to images by the ids of the file."""
    content = layouts.coco_content()
    new_ids = dict(zip((image["id"] for image in content["images"]), ids, strict=True))
    for image in content["images"]:
        image["id"] = new_ids[image["id"]]
    for annotation in content["annotations"]:
        annotation["image_id"] = new_ids[annotation["image_id"]]
    found = read_content(tmp_path, content).images
    assert [(image.id, image.source_id) for image in found] == list(zip(numbers, source_ids, strict=True))
