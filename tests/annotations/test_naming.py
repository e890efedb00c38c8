"""Tables of part and keypoint names: merged parts are unions, selected keypoints keep their values."""

import functools
from pathlib import Path

import numpy as np
import pytest

from hypercolumns.annotations import masks, readers
from hypercolumns.annotations.matlab import pascal_part
from hypercolumns.annotations.matlab.pascal_part_names import PARTS
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance, Part
from hypercolumns.annotations.naming import choose_keypoints, merge_parts, unknown_parts
from hypercolumns.annotations.selection import keep_categories
from hypercolumns.errors import InputError
from hypercolumns.parameters import DatasetParameters, Parameters
from hypercolumns.puppets import generate
from tests.annotations import annotation_layouts as layouts
from tests.annotations.reading import read_split

SEVEN = {
    "head": ["head", "hair", "[lr]ear", "[lr]eye", "[lr]ebrow", "nose", "mouth", "muzzle", "beak", "[lr]horn"],
    "legs": ["[lr][lu]leg"],
}


def example():
    """A person with three parts and three keypoints, and a car without either."""
    parts = tuple(Part(name, masks.encode(mask)) for name, mask in layouts.part_masks("first").items())
    code = functools.reduce(lambda a, b: masks.union([a, b]), [part.segmentation for part in parts])
    make = functools.partial(Instance, image_id=1, segmentation=code, box=masks.box(code), area=masks.area(code))
    return AnnotationSet(
        images=(Image(1, "first.jpg", layouts.WIDTH, layouts.HEIGHT),),
        categories=(
            Category(1, "person", ("Nose", "L_Eye", "R_Eye"), ((1, 2), (1, 3), (2, 3)), ("head", "luleg", "ruleg")),
            Category(2, "car", parts=("wheel_1",)),
        ),
        instances=(
            make(id=1, category_id=1, keypoints=(1, 2, 2, 3, 4, 1, 0, 0, 0), parts=parts),
            make(id=2, category_id=2),
        ),
        image_root=".",
    )


def test_an_empty_table_changes_nothing():
    """An empty table returns the annotations unchanged."""
    annotations = example()
    assert merge_parts(annotations, {}) is annotations
    assert choose_keypoints(annotations, {}) is annotations


def test_a_merged_part_is_the_union_of_its_parts():
    """Parts that the table does not name stay as they are, after those of the table."""
    found = merge_parts(example(), {"leg": ["luleg", "ruleg"]})
    assert found.categories[0].parts == ("leg", "head")
    assert found.categories[1].parts == ("wheel_1",)
    leg, head = found.instances[0].parts
    expected = layouts.part_masks("first")
    np.testing.assert_array_equal(masks.decode(leg.segmentation), expected["luleg"] | expected["ruleg"])
    np.testing.assert_array_equal(masks.decode(head.segmentation), expected["head"])
    assert found.instances[1].parts == ()


def test_parts_under_none_are_left_out():
    """Patterns find the parts of every category that match."""
    found = merge_parts(example(), {"none": ["[lr]uleg", "wheel_*"]})
    assert [c.parts for c in found.categories] == [("head",), ()]
    assert [part.name for part in found.instances[0].parts] == ["head"]


def test_patterns_match_complete_names():
    """Each of a person's parts has one new name at most: "[lr]ear" does not match other words that end in "ear"."""
    people = AnnotationSet((), (Category(1, "person", parts=PARTS["person"]),), (), ".")
    assert merge_parts(people, SEVEN).categories[0].parts == (
        *("head", "legs", "torso", "neck", "llarm", "luarm", "lhand", "rlarm", "ruarm", "rhand", "lfoot", "rfoot"),
    )


def test_a_part_under_two_names_is_refused():
    """The message names the part and both new names."""
    with pytest.raises(InputError, match="'luleg' under 'leg' and 'limb'"):
        merge_parts(example(), {"leg": ["luleg"], "limb": ["l*leg"]})


def test_unknown_parts_are_named_with_their_entry():
    """A sentence per entry lists its unknown parts and the valid names, similar ones first."""
    table = {"wing": ["lwing", "rwing"], "leg": ["luleg", "lluleg"], "none": ["wheel_*"]}
    mismatch = "but no part of this data set matches; it has"
    assert unknown_parts(example(), table) == [
        f"dataset.part_names.wing names 'lwing', 'rwing', {mismatch} ruleg, luleg, head, wheel_1.",
        f"dataset.part_names.leg names 'lluleg', {mismatch} luleg, ruleg, head, wheel_1.",
    ]


def test_a_long_list_of_valid_names_is_cut():
    """A message lists the most similar name first and says how many there are."""
    bus = Category(1, "bus", parts=(*(f"piece_{i}" for i in range(99)), "wheel_1"))
    annotations = AnnotationSet((), (bus,), (), ".")
    (sentence,) = unknown_parts(annotations, {"wheel": ["wheel1"]})
    assert "it has wheel_1, piece_" in sentence
    assert "... (100 in all)" in sentence
    assert len(sentence) < 500


@pytest.mark.parametrize(("categories", "refused"), [([], True), (["person"], False)])
def test_unknown_parts_are_refused_if_all_categories_are_read(tmp_path, caplog, categories, refused):
    """If categories are left out, the parts may be theirs, so that a warning must do."""
    layouts.make_pascal_part(tmp_path)
    table = {"wheels": ["wheel_1"], "leg": ["?uleg", "oops"]}
    settings = DatasetParameters(format="pascal_part", root=str(tmp_path), categories=categories, part_names=table)
    if refused:
        with pytest.raises(InputError, match=r"dataset\.part_names\.leg names 'oops'"):
            readers.rename(read_split(settings), settings)
    else:
        readers.rename(read_split(settings), settings)
        assert "dataset.part_names.wheels names 'wheel_1'" in caplog.text
        assert "dataset.part_names.leg names 'oops'" in caplog.text


def test_selected_keypoints_keep_their_values_and_bones():
    """Values and bones follow the keypoints to their new places; bones without both ends are dropped."""
    found = choose_keypoints(example(), {"left_eye": "L_Eye", "nose": "Nose"})
    assert found.categories[0].keypoints == ("left_eye", "nose")
    assert found.categories[0].skeleton == ((2, 1),)
    assert found.instances[0].keypoints == (3, 4, 1, 1, 2, 2)
    assert found.instances[1].keypoints == ()
    assert found.categories[1].keypoints == ()


def test_an_unknown_keypoint_is_refused():
    """The message names the entry and lists the valid keypoints."""
    with pytest.raises(InputError, match=r"keypoint_names\.left_ear names the keypoint 'L_Ear'.*it has L_Eye, "):
        choose_keypoints(example(), {"left_ear": "L_Ear"})


def test_tables_apply_to_drawn_scenes(tmp_path):
    """Parts and keypoints of puppets are renamed like those of a data set on disk."""
    settings = DatasetParameters.model_validate(
        {
            "puppets": {"train_images": 1, "val_images": 1, "width": 96, "height": 96},
            "part_names": {"arms": ["*_arms"]},
            "keypoint_names": {"left_ankle": "left_ankle"},
        }
    )
    person = readers.rename(generate(settings, "train", 0, tmp_path), settings).categories[0]
    assert person.parts == ("arms", "head", "torso", "upper_legs", "lower_legs")
    assert person.keypoints == ("left_ankle",)


def test_the_recipe_of_the_seven_categories_leaves_no_part_without_a_group():
    """Each of the paper's categories has a head, a body and legs, and no name of the data set remains."""
    settings = Parameters.load(Path(__file__).parents[2] / "recipes" / "pascal_part_onet.yaml").dataset
    categories = keep_categories(settings, pascal_part.CATEGORIES)
    found = merge_parts(AnnotationSet((), categories, (), "."), settings.part_names)
    animal = ("head", "body", "legs", "tail")
    assert {category.name: category.parts for category in found.categories} == {
        "person": ("head", "body", "arms", "legs"),
        "bird": ("head", "body", "legs", "wings", "tail"),
    } | dict.fromkeys(("horse", "cow", "sheep", "cat", "dog"), animal)
