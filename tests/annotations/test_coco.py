"""COCO: equal to VOC for the same masks, whatever form they have in the file; what is wrong is named."""

import copy
import json

import numpy as np
import pytest
from pycocotools import mask as coco_mask

from hypercolumns.annotations import coco, masks, readers, voc
from hypercolumns.errors import InputError
from hypercolumns.parameters import DatasetParameters
from tests.annotations import annotation_layouts as layouts


def settings_of(root):
    return DatasetParameters(format="coco", root=str(root), train="train.json", val="val.json", images="photographs")


def read(tmp_path, content):
    return coco.read(settings_of(layouts.make_coco(tmp_path / "coco", content)), "train")


def test_coco_equals_voc_for_the_same_masks(tmp_path):
    """Compressed and uncompressed codes must give the annotations that the label images give, ids aside."""
    found = coco.read(settings_of(layouts.make_coco(tmp_path / "coco")), "train")
    expected = voc.read(DatasetParameters(format="voc", root=str(layouts.make_voc(tmp_path / "voc"))), "train")
    assert [i.id for i in found.images] == [11, 12]
    assert [i.id for i in found.instances] == [100, 101, 102]
    for ours, theirs in zip(found.instances, expected.instances, strict=True):
        assert ours.segmentation == theirs.segmentation
        assert (ours.box, ours.area, ours.category_id) == (theirs.box, theirs.area, theirs.category_id)
    readers.check_photographs(found)


def test_what_we_save_is_coco_that_we_read_again(tmp_path):
    """A round trip through our own JSON keeps masks, crowds, flags and keypoints."""
    content = layouts.coco_content()
    content["categories"][1] |= {"keypoints": ["head", "foot"], "skeleton": [[1, 2]]}
    content["annotations"][0]["keypoints"] = [5.5, 6, 2, 0, 0, 0]
    content["annotations"][1]["iscrowd"] = 1
    first = read(tmp_path, content)
    assert first.instances[0].keypoints == (5.5, 6, 2, 0, 0, 0)
    assert first.instances[1].crowd
    assert first.category_by_id[layouts.PERSON].skeleton == ((1, 2),)
    first.save(tmp_path / "coco" / "train.json")
    second = coco.read(settings_of(tmp_path / "coco"), "train")
    assert second.instances == first.instances
    assert second.categories == first.categories
    assert second.images == first.images


def test_polygons_cover_what_pycocotools_covers(tmp_path):
    content = layouts.coco_content()
    square, triangle = [2.0, 3, 12, 3, 12, 9, 2, 9], [20.0, 20, 30, 20, 25, 28]
    content["annotations"][0]["segmentation"] = [square, triangle, [1.0, 1, 30, 25]]  # the last encloses nothing
    codes = coco_mask.frPyObjects([square, triangle], layouts.HEIGHT, layouts.WIDTH)
    expected = coco_mask.decode(coco_mask.merge(codes)).astype(bool)
    instance = read(tmp_path, content).instances[0]
    np.testing.assert_array_equal(masks.decode(instance.segmentation), expected)
    assert instance.area == expected.sum()


def test_empty_masks_are_dropped_and_counted(tmp_path):
    content = layouts.coco_content()
    content["annotations"][0]["segmentation"] = [[1.0, 1, 5, 5]]
    content["annotations"][1]["segmentation"] = []
    content["annotations"][2]["segmentation"] = {"size": [30, 40], "counts": [1200]}
    found = read(tmp_path, content)
    assert found.instances == ()
    assert found.counts["empty_masks"] == 3
    assert len(found.images) == 2


def test_a_list_chooses_and_orders_images(tmp_path):
    root = layouts.make_coco(tmp_path / "coco")
    layouts.write_list(root / "some.txt", ("second", "first"))
    layouts.write_list(root / "one.txt", ("second",))
    settings = settings_of(root).model_copy(update={"train_list": "some.txt", "val_list": "one.txt"})
    assert [i.id for i in coco.read(settings, "train").images] == [12, 11]
    assert [i.image_id for i in coco.read(settings, "val").instances] == [12]
    layouts.write_list(root / "one.txt", ("third",))
    with pytest.raises(InputError, match="'third'"):
        coco.read(settings, "val")
    layouts.write_list(root / "one.txt", ())
    with pytest.raises(InputError, match="is empty"):
        coco.read(settings, "val")


def test_the_filter_keeps_ids(tmp_path):
    settings = settings_of(layouts.make_coco(tmp_path / "coco")).model_copy(update={"categories": ("person",)})
    found = coco.read(settings, "train")
    assert [(c.id, c.name) for c in found.categories] == [(layouts.PERSON, "person")]
    assert [i.id for i in found.instances] == [100]
    assert found.counts["other_categories"] == 2
    with pytest.raises(InputError, match=r"'dog'.*car, person"):
        coco.read(settings.model_copy(update={"categories": ("dog",)}), "train")


def _change(content, path, value):
    target = content
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("images", 0, "file_name"), "../first.jpg", "stays inside"),
        (("images", 0, "file_name"), "/first.jpg", "stays inside"),
        (("images", 0, "file_name"), "second.jpg", "file name 'second.jpg' twice"),
        (("images", 0, "id"), 12, "image id 12 twice"),
        (("images", 0, "width"), 0, "images.0.width"),
        (("images",), [], "lists no images"),
        (("annotations", 0, "id"), 101, "annotation id 101 twice"),
        (("annotations", 0, "image_id"), 99, "image 99"),
        (("annotations", 0, "category_id"), 99, "category 99"),
        (("annotations", 0, "iscrowd"), 2, "annotations.0.iscrowd"),
        (("annotations", 0, "segmentation"), [[1, 2, 3, 4, 5, 6, 7]], "odd number"),
        (("annotations", 0, "segmentation"), [[0, 0, 1e9, 0, 1e9, 1e9]], "far outside"),
        (("annotations", 0, "segmentation"), {"size": [40, 30], "counts": "0"}, "30 x 40"),
        (("annotations", 0, "segmentation"), {"size": [30, 40], "counts": [5, 6]}, "11 pixels"),
        (("annotations", 0, "segmentation"), {"size": [30, 40], "counts": "oo"}, "does not fill"),
        (("annotations", 0, "segmentation"), {"size": [30, 40], "counts": "54é"}, "does not fill"),
        (("annotations", 0, "keypoints"), [1, 2, 2], "3 keypoint values"),
        (("categories", 1, "id"), 7, "category id 7 twice"),
        (("categories", 1, "name"), "car", "'car' twice"),
        (("annotations", 0, "segmentation"), "nothing", "annotations.0.segmentation is neither"),
    ],
)
def test_what_is_wrong_in_the_file_is_named(tmp_path, path, value, complaint):
    content = copy.deepcopy(layouts.coco_content())
    _change(content, path, value)
    with pytest.raises(InputError, match=complaint) as error:
        read(tmp_path, content)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"images": 3}', '{"images": [], "categories": []}'])
def test_json_that_is_no_coco_is_refused(tmp_path, text):
    root = layouts.make_coco(tmp_path / "coco")
    (root / "train.json").write_text(text)
    with pytest.raises(InputError, match=r"train\.json is no COCO annotation file"):
        coco.read(settings_of(root), "train")


def test_missing_folders_and_files_are_named(tmp_path):
    settings = settings_of(layouts.make_coco(tmp_path / "coco"))
    for key, value in (
        ("root", str(tmp_path / "no")),
        ("images", "no"),
        ("train", "no.json"),
        ("train_list", "no.txt"),
    ):
        with pytest.raises(InputError, match=r"no.*does not exist") as error:
            coco.read(settings.model_copy(update={key: value}), "train")
        assert f"dataset.{key}" in str(error.value)


def test_train_and_val_may_have_folders_of_their_own(tmp_path):
    root = layouts.make_coco(tmp_path / "coco")
    (root / "later").mkdir()
    settings = settings_of(root).model_copy(update={"val_images": "later"})
    assert coco.read(settings, "train").image_root == str(root / "photographs")
    assert coco.read(settings, "val").image_root == str(root / "later")


def test_photographs_are_checked_for_presence_truncation_and_size(tmp_path):
    root = layouts.make_coco(tmp_path / "coco")
    found = coco.read(settings_of(root), "train")
    photograph = root / "photographs" / "second.jpg"
    content = photograph.read_bytes()
    photograph.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"second\.jpg cannot be read"):
        readers.check_photographs(found)
    layouts.write_photograph(photograph, width=41)
    with pytest.raises(InputError, match=r"40 x 30.*41 x 30"):
        readers.check_photographs(found)
    photograph.unlink()
    with pytest.raises(InputError, match=r"second\.jpg does not exist"):
        readers.check_photographs(found)


def test_our_check_of_codes_agrees_with_pycocotools(tmp_path):
    """Every code that pycocotools writes passes; codes cut anywhere are refused, unless they still fill the mask."""
    rng = np.random.default_rng(0)
    for share in (0.02, 0.5, 0.98):
        mask = rng.random((layouts.HEIGHT, layouts.WIDTH)) < share
        code = masks.encode(mask)
        content = layouts.coco_content()
        content["annotations"] = content["annotations"][:1]
        content["annotations"][0]["segmentation"] = dict(code)
        found = read(tmp_path / str(share), content)
        np.testing.assert_array_equal(masks.decode(found.instances[0].segmentation), mask)
        for length in rng.integers(0, len(code["counts"]), 5):
            content["annotations"][0]["segmentation"] = {"size": code["size"], "counts": code["counts"][:length]}
            (tmp_path / str(share) / "coco" / "train.json").write_text(json.dumps(content))
            with pytest.raises(InputError, match="does not fill"):
                coco.read(settings_of(tmp_path / str(share) / "coco"), "train")


@pytest.mark.parametrize(
    ("key", "value", "split"),
    [("images", "nowhere", "train"), ("val_images", "nowhere", "val"), ("images", "train.json", "val")],
)
def test_a_folder_of_photographs_that_is_none_is_told_by_its_own_key(tmp_path, key, value, split):
    """Not by dataset.root, which is right."""
    settings = settings_of(layouts.make_coco(tmp_path / "coco")).model_copy(update={key: value})
    with pytest.raises(InputError, match=f"dataset.{key} names '{value}', but") as caught:
        coco.read(settings, split)
    assert "dataset.root" not in str(caught.value)


@pytest.mark.parametrize(("key", "what"), [("name", "a category"), ("keypoints", "a keypoint"), ("parts", "a part")])
@pytest.mark.parametrize("empty", ["", " "])
def test_names_without_a_character_are_refused(tmp_path, key, what, empty):
    content = layouts.coco_content()
    content["categories"][1][key] = empty if key == "name" else ["left", empty]
    with pytest.raises(InputError, match=rf"train\.json: {what} .*has no name"):
        read(tmp_path, content)
