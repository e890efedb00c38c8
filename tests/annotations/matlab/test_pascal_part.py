"""PASCAL-Part: the same objects as VOC, with their parts; malformed items are named, or left out and counted."""

import numpy as np
import pytest
from scipy.io import savemat

from hypercolumns.annotations import masks
from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.matlab import pascal_part
from hypercolumns.annotations.matlab.pascal_part_names import PARTS
from hypercolumns.annotations.voc import reader as voc
from hypercolumns.errors import InputError
from hypercolumns.parameters import DatasetParameters
from tests.annotations import annotation_layouts as layouts


@pytest.fixture
def root(tmp_path):
    """A data set in PASCAL-Part's layout."""
    return layouts.make_pascal_part(tmp_path / "parts")


def part_settings(root, **changes):
    """Parameters for a data set in PASCAL-Part's layout."""
    return DatasetParameters(format="pascal_part", root=str(root), **changes)


def read(settings, split="train", reader=pascal_part):
    """Read a split, and return the annotations and the counts of what was left out."""
    bad_items = BadItems(settings.skip_bad, ["parts"])
    return reader.read(settings, split, bad_items), bad_items.counts


def test_objects_equal_those_of_voc(root, tmp_path):
    """Objects equal those that VOC's reader finds, and parts have the masks that were written."""
    found = read(part_settings(root))[0]
    expected = read(DatasetParameters(format="voc", root=str(layouts.make_voc(tmp_path / "voc"))), reader=voc)[0]
    for ours, theirs in zip(found.instances, expected.instances, strict=True):
        assert (ours.id, ours.image_id, ours.category_id) == (theirs.id, theirs.image_id, theirs.category_id)
        assert (ours.segmentation, ours.box, ours.area) == (theirs.segmentation, theirs.box, theirs.area)
    person, *cars = found.instances
    assert [part.name for part in person.parts] == ["head", "luleg", "ruleg"]
    for part in person.parts:
        np.testing.assert_array_equal(masks.decode(part.segmentation), layouts.part_masks("first")[part.name])
    assert all(car.parts == () for car in cars)


def test_lists_and_categories_select(root):
    """A list selects the images of its split, `dataset.categories` the instances."""
    layouts.write_list(root / "second.txt", ("second",))
    found = read(part_settings(root, val_list="second.txt"), "val")[0]
    assert [image.file_name for image in found.images] == ["second.jpg"]
    assert found.images[0].origin == f"line 1 of {root}/second.txt"
    people = read(part_settings(root, categories=("person",)))[0]
    assert [c.name for c in people.categories] == ["person"]
    assert people.counts["other_categories"] == 2
    assert people.categories[0].parts == PARTS["person"]


def test_tables_are_dining_tables_and_empty_parts_are_left_out(root):
    """The files say "table" for VOC's diningtable, and a part without pixels is not visible."""
    objects = layouts.pascal_part_objects("first")
    objects[1]["class"] = "table"
    objects[0]["parts"][0]["mask"][:] = 0
    layouts.write_pascal_part(root / "Annotations_Part/first.mat", objects)
    person, table, _ = read(part_settings(root))[0].instances
    assert table.category_id == 11
    assert [part.name for part in person.parts] == ["luleg", "ruleg"]


def _without(key):
    return lambda item: item.pop(key)


def _with(key, value):
    return lambda item: item.__setitem__(key, value)


BAD_OBJECTS = [
    (_without("mask"), "no field 'mask'"),
    (_with("class", "unicorn"), "category 'unicorn'; choose from aeroplane"),
    (_with("class", 3.0), "category 3"),
    (_with("mask", "a string"), "not a .* array of numbers"),
    (_with("mask", np.full((30, 40), np.nan)), "other than 0 and 1"),
    (_with("parts", [{"name": "head"}]), "no field 'part_name'"),
]
BAD_PARTS = [
    (_with("part_name", "wing"), "unknown part 'wing'; choose from hair, head"),
    (_with("part_name", "luleg"), "'luleg' twice"),
    (_with("mask", np.full((30, 40), -1)), "part 'ruleg': its mask holds values other"),
    (_with("mask", np.ones((3, 4))), "4 x 3 pixels"),
]


@pytest.mark.parametrize(("change", "complaint"), BAD_OBJECTS)
def test_a_bad_object_is_named_with_its_file(root, change, complaint):
    """The message names the file, the object and what is wrong with it."""
    objects = layouts.pascal_part_objects("second")
    change(objects[0])
    layouts.write_pascal_part(root / "Annotations_Part/second.mat", objects)
    with pytest.raises(InputError, match=rf"second\.mat.*object 1.*{complaint}"):
        read(part_settings(root))


@pytest.mark.parametrize(("change", "complaint"), BAD_OBJECTS)
def test_a_bad_object_is_left_out_alone(root, change, complaint):
    """With `skip_bad`, a malformed object is left out and counted; one with a malformed part loses only the part."""
    objects = layouts.pascal_part_objects("first")
    change(objects[0])
    layouts.write_pascal_part(root / "Annotations_Part/first.mat", objects)
    found, counts = read(part_settings(root, skip_bad=True))
    lost = 0 if "part_name" in complaint else 1
    assert len(found.instances) == 3 - lost
    assert counts == {"malformed_objects" if lost else "malformed_parts": 1}


@pytest.mark.parametrize(("change", "complaint"), BAD_PARTS)
def test_a_bad_part_is_named_or_left_out_alone(root, change, complaint):
    """A malformed part is named with its file and object, or left out while the object stays."""
    objects = layouts.pascal_part_objects("first")
    change(objects[0]["parts"][2])
    layouts.write_pascal_part(root / "Annotations_Part/first.mat", objects)
    with pytest.raises(InputError, match=rf"first\.mat: object 1 \(person\).*{complaint}"):
        read(part_settings(root))
    found, counts = read(part_settings(root, skip_bad=True))
    assert [part.name for part in found.instances[0].parts] == ["head", "luleg"]
    assert (len(found.instances), counts) == (3, {"malformed_parts": 1})


def test_the_size_is_that_of_the_masks(root):
    """The photograph's size matters only for an image without objects; the check of photographs compares the two."""
    for stem in ("first", "second"):
        layouts.write_photograph(root / f"JPEGImages/{stem}.jpg", width=30, height=41)
    layouts.write_pascal_part(root / "Annotations_Part/second.mat", [])
    found, _ = read(part_settings(root))
    assert [(image.width, image.height) for image in found.images] == [(40, 30), (30, 41)]


def test_masks_that_differ_in_size_are_compared_with_the_photograph(root):
    """The object whose mask is not of the photograph's size is named, or left out alone."""
    objects = layouts.pascal_part_objects("first")
    objects[0]["mask"] = np.ones((40, 30))
    layouts.write_pascal_part(root / "Annotations_Part/first.mat", objects)
    with pytest.raises(InputError, match=r"first\.mat: object 1: .* 30 x 40 pixels, but its photograph is 40 x 30"):
        read(part_settings(root))
    found, counts = read(part_settings(root, skip_bad=True))
    assert (len(found.instances), counts) == (2, {"malformed_objects": 1})


def test_photographs_may_be_png_and_a_missing_one_is_named_with_its_annotation(root):
    """Photographs are found by their stem, and the message about a missing one names the .mat file."""
    (root / "JPEGImages/first.jpg").rename(root / "JPEGImages/first.PNG")
    assert read(part_settings(root))[0].images[0].file_name == "first.PNG"
    (root / "JPEGImages/first.PNG").unlink()
    with pytest.raises(InputError, match=r"JPEGImages has no photograph 'first'.* comes from .*Part/first\.mat"):
        read(part_settings(root))


def test_a_broken_file_is_named_or_its_image_left_out(root):
    """A damaged file is named, or left out with its image; a folder without files is refused."""
    file = root / "Annotations_Part" / "first.mat"
    good = file.read_bytes()
    savemat(root / "other.mat", {"anno": 3.0})
    for content in (b"", good[:200], good[: len(good) // 2], b"nonsense" * 50, (root / "other.mat").read_bytes()):
        file.write_bytes(content)
        with pytest.raises(InputError, match=r"first\.mat is not a PASCAL-Part annotation"):
            read(part_settings(root))
        found, counts = read(part_settings(root, skip_bad=True))
        assert [image.file_name for image in found.images] == ["second.jpg"]
        assert counts == {"malformed_images": 1}
    for name in ("first.mat", "second.mat"):
        (root / "Annotations_Part" / name).unlink()
    with pytest.raises(InputError, match=r"has no \.mat file"):
        read(part_settings(root))
