"""Splits that people do not have: held out by a hash of names, or photographs without annotations."""

import json
from dataclasses import replace
from unicodedata import normalize

import numpy as np
import pytest
from PIL import Image

from hypercolumns.annotations import masks, readers
from hypercolumns.errors import InputError
from hypercolumns.parameters import DatasetParameters

SIDE = 24


def make_coco(root, names, annotated=None) -> DatasetParameters:
    """A COCO file `all.json` of photographs with one square each; only those in `annotated` have an annotation."""
    (root / "photographs").mkdir(parents=True, exist_ok=True)
    images, annotations = [], []
    for number, name in enumerate(names, start=1):
        shades = np.random.default_rng(number).integers(0, 255, (SIDE, SIDE, 3), dtype=np.uint8)
        Image.fromarray(shades).save(root / "photographs" / name)
        images.append({"id": number, "file_name": name, "width": SIDE, "height": SIDE})
        if annotated is None or name in annotated:
            square = [[2.0, 3, 12, 3, 12, 13, 2, 13]]
            annotations.append({"id": number, "image_id": number, "category_id": 1, "segmentation": square})
    content = {"images": images, "categories": [{"id": 1, "name": "square"}], "annotations": annotations}
    (root / "all.json").write_text(json.dumps(content))
    return DatasetParameters(format="coco", root=str(root), train="all.json", images="photographs")


def names_of(annotations) -> set[str]:
    return {image.file_name for image in annotations.images}


def test_a_share_is_held_out_and_stays_when_photographs_are_added(tmp_path):
    """The hash of a name decides alone, so neither order nor number of the others matters."""
    names = [f"{number}.png" for number in range(60)]
    settings = make_coco(tmp_path, names).model_copy(update={"val_share": 0.25})
    before = readers.read_splits(settings, ["segmentation"])
    assert names_of(before["train"]) | names_of(before["val"]) == set(names)
    assert not names_of(before["train"]) & names_of(before["val"])
    assert 5 <= len(before["val"].images) <= 25
    for annotations in before.values():
        assert [i.image_id for i in annotations.instances] == [image.id for image in annotations.images]
    make_coco(tmp_path, [f"new {number}.png" for number in range(20)] + names[::-1])
    after = readers.read_splits(settings, ["segmentation"])
    for split in ("train", "val"):
        assert names_of(before[split]) <= names_of(after[split])


def test_a_share_that_leaves_a_split_empty_is_refused(tmp_path):
    """With few photographs, a small share may hold out none."""
    settings = make_coco(tmp_path, ["a.png", "b.png"]).model_copy(update={"val_share": 1e-9})
    with pytest.raises(
        InputError, match=r"dataset\.val_share is 1e-09, which leaves none of the 2 photographs for val"
    ):
        readers.read_splits(settings, ["segmentation"])


def test_a_larger_limit_adds_photographs_to_those_of_a_smaller_one(tmp_path):
    """And val stays as it is; a limit above their number changes nothing."""
    names = [f"{number}.png" for number in range(60)]
    settings = make_coco(tmp_path, names).model_copy(update={"val_share": 0.25})
    every, few, some, limitless = (
        readers.read_splits(settings.model_copy(update={"train_limit": limit}), ["segmentation"])
        for limit in (None, 5, 20, 1000)
    )
    assert len(few["train"].images) == 5
    assert len(some["train"].images) == 20
    assert names_of(few["train"]) < names_of(some["train"]) < names_of(every["train"]) == names_of(limitless["train"])
    assert [i.image_id for i in few["train"].instances] == [image.id for image in few["train"].images]
    assert names_of(few["val"]) == names_of(every["val"])
    assert list(names_of(few["train"])) != names[:5]


def test_drawn_scenes_have_a_number_of_their_own_in_place_of_a_limit():
    with pytest.raises(ValueError, match=r"dataset\.train_limit is for data sets on disk; puppets have"):
        DatasetParameters(format="puppets", train_limit=5)


def test_val_may_be_a_folder_of_photographs(tmp_path):
    """It has the categories of train, and its photographs with their sizes, but no instance."""
    settings = make_coco(tmp_path, ["a.png", "b.png"])
    new = tmp_path / "new/sub"
    new.mkdir(parents=True)
    Image.new("RGB", (31, 17), "red").save(new / "first.JPG")
    Image.effect_noise((20, 40), 50).save(tmp_path / "new/second.png")
    found = readers.read_splits(settings.model_copy(update={"val": "new"}), ["segmentation"])["val"]
    assert [(i.file_name, i.width, i.height) for i in found.images] == [
        ("second.png", 20, 40),
        ("sub/first.JPG", 31, 17),
    ]
    assert found.instances == ()
    assert [c.name for c in found.categories] == ["square"]


def test_a_list_beside_a_folder_of_photographs_is_no_annotation_file(tmp_path):
    """COCO files need no lists, so `new.txt` does not keep `new` from being the folder of val."""
    settings = make_coco(tmp_path, ["a.png", "b.png"])
    (tmp_path / "new").mkdir()
    Image.effect_noise((20, 40), 50).save(tmp_path / "new/c.png")
    (tmp_path / "new.txt").write_text("c\n")
    found = readers.read_splits(settings.model_copy(update={"val": "new"}), ["segmentation"])["val"]
    assert names_of(found) == {"c.png"}
    both = settings.model_copy(update={"val": "new", "val_list": "new.txt"})
    with pytest.raises(InputError, match="new is a folder"):
        readers.read_splits(both, ["segmentation"])


def test_a_folder_of_photographs_with_an_annotation_file_in_it_says_that_it_is_not_read(tmp_path, caplog):
    """Roboflow writes valid/_annotations.coco.json among the photographs."""
    settings = make_coco(tmp_path, ["a.png", "b.png"])
    (tmp_path / "valid").mkdir()
    Image.effect_noise((20, 40), 50).save(tmp_path / "valid/c.png")
    (tmp_path / "valid/_annotations.coco.json").write_text("{}")
    readers.read_splits(settings.model_copy(update={"val": "valid"}), ["segmentation"])
    assert "it holds _annotations.coco.json; to use that file, name it in dataset.val" in caplog.text


@pytest.mark.parametrize("lists", [{"annotations": []}, {}, {"annotations": None, "categories": None}])
def test_val_may_be_a_file_whose_photographs_have_no_annotations(tmp_path, lists):
    """COCO's own files of test images list neither annotations nor, sometimes, categories."""
    settings = make_coco(tmp_path, ["a.png", "b.png"], annotated=["a.png"])
    content = json.loads((tmp_path / "all.json").read_text())
    train, val = ({**content, "images": [image]} for image in content["images"])
    (tmp_path / "all.json").write_text(json.dumps(train))
    (tmp_path / "val.json").write_text(json.dumps({"images": val["images"], **lists}))
    found = readers.read_splits(settings.model_copy(update={"val": "val.json"}), ["segmentation"])["val"]
    assert names_of(found) == {"b.png"}
    assert (found.instances, [c.name for c in found.categories]) == ((), ["square"])


def test_a_val_without_annotations_needs_neither_chosen_categories_nor_keypoints(tmp_path):
    """`dataset.categories` and `dataset.keypoints` name what train has; val is only predicted on."""
    settings = make_coco(tmp_path, ["a.png", "b.png"], annotated=["a.png"])
    content = json.loads((tmp_path / "all.json").read_text())
    train, val = ({**content, "images": [image]} for image in content["images"])
    (tmp_path / "all.json").write_text(json.dumps(train))
    (tmp_path / "val.json").write_text(json.dumps({"images": val["images"]}))
    train["categories"] = [{"id": 1, "name": "square", "keypoints": ["corner"]}]
    train["annotations"][0]["keypoints"] = [2, 3, 2]
    (tmp_path / "keypoints.json").write_text(json.dumps(train))
    changes = {"val": "val.json", "categories": ("square",), "keypoints": "keypoints.json"}
    found = readers.read_splits(settings.model_copy(update=changes), ["keypoints"])
    assert [i.keypoints for i in found["train"].instances] == [(2, 3, 2)]
    assert (found["val"].instances, found["val"].categories) == ((), found["train"].categories)


def test_a_val_that_lacks_a_chosen_category_keeps_the_others_out(tmp_path):
    """Without any of the chosen categories, no category is left, rather than all of them."""
    settings = make_coco(tmp_path, ["a.png", "b.png"])
    content = json.loads((tmp_path / "all.json").read_text())
    train, val = (
        {**content, "images": [image], "annotations": [a]}
        for image, a in zip(content["images"], content["annotations"], strict=True)
    )
    (tmp_path / "all.json").write_text(json.dumps(train))
    (tmp_path / "val.json").write_text(json.dumps({**val, "categories": [{"id": 1, "name": "circle"}]}))
    changes = {"val": "val.json", "categories": ("square",)}
    found = readers.read_splits(settings.model_copy(update=changes), ["segmentation"])["val"]
    assert (found.instances, found.counts["other_categories"]) == ((), 1)


def test_a_list_finds_names_with_accents_in_either_form(tmp_path):
    """macOS writes e and an accent as two characters, editors as one."""
    name = "e\u0301te\u0301"
    settings = make_coco(tmp_path, [f"{name}.png", "b.png"])
    (tmp_path / "list.txt").write_text(f"{normalize('NFC', name)}\n", encoding="utf-8")
    (tmp_path / "new").mkdir()
    Image.effect_noise((20, 40), 50).save(tmp_path / "new/c.png")
    changes = {"val": "new", "train_list": "list.txt"}
    found = readers.read_splits(settings.model_copy(update=changes), ["segmentation"])["train"]
    assert names_of(found) == {f"{name}.png"}


def test_photographs_of_both_splits_that_cannot_be_read_are_listed_at_once(tmp_path):
    """Mending one at a time would take a run for each."""
    names = [f"{number}.png" for number in range(20)]
    settings = make_coco(tmp_path, names).model_copy(update={"val_share": 0.4})
    sets = readers.read_splits(settings, ["segmentation"])
    bad = [sets[split].images[0] for split in ("train", "val")]
    for image in bad:
        (tmp_path / "photographs" / image.file_name).write_bytes(b"no photograph")
    with pytest.raises(InputError) as error:
        readers.read_splits(settings, ["segmentation"])
    for image in bad:
        assert f"photographs/{image.file_name}" in str(error.value)
        assert f"image {image.id} of {tmp_path}/all.json" in str(error.value)
    skipped = readers.read_splits(settings.model_copy(update={"skip_bad": True}), ["segmentation"])
    for split, image in zip(("train", "val"), bad, strict=True):
        assert names_of(skipped[split]) == names_of(sets[split]) - {image.file_name}
        assert skipped[split].counts["unreadable_photographs"] == 1
        assert image.id not in {i.image_id for i in skipped[split].instances}


def test_sizes_that_a_file_leaves_out_come_from_the_photographs(tmp_path):
    """Turned as the photograph is shown, since that is what was annotated."""
    settings = make_coco(tmp_path, ["a.png"])
    picture = Image.fromarray(np.zeros((20, 30, 3), dtype=np.uint8))
    exif = picture.getexif()
    exif[274] = 6
    picture.save(tmp_path / "photographs/b.jpg", exif=exif)
    content = json.loads((tmp_path / "all.json").read_text())
    content["images"] = [{"id": 1, "file_name": "a.png", "width": 0}, {"id": 2, "file_name": "b.jpg"}]
    (tmp_path / "all.json").write_text(json.dumps(content))
    settings = settings.model_copy(update={"val_share": None, "val": "new"})
    (tmp_path / "new").mkdir()
    picture.save(tmp_path / "new/c.png")
    found = readers.read_splits(settings, ["segmentation"])["train"]
    assert [(i.width, i.height, i.orientation) for i in found.images] == [(SIDE, SIDE, 1), (20, 30, 6)]
    square = np.zeros((SIDE, SIDE), dtype=bool)
    square[3:13, 2:12] = True
    assert replace(found.instances[0]).segmentation == masks.encode(square)


@pytest.mark.parametrize("key", ["val", "val_list", "val_images", "val_keypoints"])
def test_a_share_and_a_val_split_contradict_each_other(key):
    """Otherwise the photographs of val would be ignored without a word."""
    message = rf"dataset\.val_share holds out photographs of train, so that dataset\.{key} \(new"
    with pytest.raises(ValueError, match=message):
        DatasetParameters.model_validate({"format": "coco", "keypoints": "old", key: "new", "val_share": 0.2})


@pytest.mark.parametrize(
    ("key", "value", "fmt"),
    [("train_list", "a.txt", "voc"), ("val_list", "a.txt", "sbd"), ("class_names", ("a",), "coco")],
)
def test_parameters_that_a_format_does_not_read_are_refused(key, value, fmt):
    """Otherwise a list would be ignored without a word."""
    with pytest.raises(ValueError, match=f"dataset.{key} needs dataset.format"):
        DatasetParameters.model_validate({"format": fmt, key: value})
