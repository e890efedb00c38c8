"""Parts in COCO files, as lists in an object's annotation or as categories whose union is the object."""

import numpy as np
import pytest

from hypercolumns.annotations import masks
from hypercolumns.errors import InputError
from hypercolumns.parameters import DatasetParameters
from tests.annotations import annotation_layouts as layouts
from tests.annotations.reading import read_split

SQUARE = [2.0, 3, 12, 3, 12, 9, 2, 9]


def coco_settings(root, **changes):
    """Parameters for a data set that `make_coco` wrote."""
    return DatasetParameters(
        format="coco", root=str(root), train="train.json", val="val.json", images="photographs", **changes
    )


def part_category_content():
    """Content of an annotation file in which the usual objects are parts."""
    content = layouts.coco_content()
    content["categories"] = [
        {"id": 1, "name": "_background_"},
        {"id": layouts.PERSON, "name": "wheel"},
        {"id": layouts.CAR, "name": "door"},
    ]
    return content


def read_part_categories(tmp_path, content, **changes):
    """Read the train split of a data set whose categories are parts of a car."""
    root = layouts.make_coco(tmp_path / "coco", content)
    return read_split(coco_settings(root, parts_of="car", **changes))


def test_the_object_is_the_union_of_its_parts(tmp_path):
    """The parts of an image form one object, whose mask, area and box are those of their union."""
    found = read_part_categories(tmp_path, part_category_content())
    (category,) = found.categories
    assert (category.name, category.parts) == ("car", ("_background_", "wheel", "door"))
    first, second = found.instances
    numbers = layouts.numbers("first")
    np.testing.assert_array_equal(masks.decode(first.segmentation), (numbers == 1) | (numbers == 2))
    assert {part.name: masks.area(part.segmentation) for part in first.parts} == {
        "wheel": (numbers == 1).sum(),
        "door": (numbers == 2).sum(),
    }
    assert first.area == masks.area(first.segmentation)
    assert first.box == masks.box(first.segmentation)
    assert [part.name for part in second.parts] == ["door"]
    assert (first.image_id, second.image_id) == (11, 12)


def test_two_wheels_are_one_part(tmp_path):
    """Annotations of one category in an image are united into one part."""
    content = part_category_content()
    content["annotations"][1]["category_id"] = layouts.PERSON
    (wheel,) = read_part_categories(tmp_path, content).instances[0].parts
    assert masks.area(wheel.segmentation) == np.isin(layouts.numbers("first"), (1, 2)).sum()


def test_filters_apply_to_the_object_not_to_its_parts(tmp_path):
    """Crowds are not parts, an image without parts has no object, and areas and categories are the object's."""
    content = part_category_content()
    content["annotations"][2]["iscrowd"] = 1
    found = read_part_categories(tmp_path, content, minimum_area=100)
    assert len(found.images) == 2
    (car,) = found.instances
    assert not car.difficult
    assert any(masks.area(part.segmentation) < 100 for part in car.parts), "a part may be small"
    with pytest.raises(InputError, match=r"'wheel'.*choose from car"):
        read_part_categories(tmp_path, content, categories=("wheel",))


def part_list_content(parts):
    """Content of an annotation file in which the first object has a list of parts."""
    content = layouts.coco_content()
    content["categories"][1] |= {"parts": ["head", "leg"], "keypoints": ["nose"]}
    content["annotations"][0]["parts"] = parts
    return content


def test_lists_of_parts_survive_saving_and_reading(tmp_path):
    """Saved lists of parts are read as they were; parts without pixels are left out."""
    content = part_list_content([{"name": "leg", "segmentation": [SQUARE]}, {"name": "head", "segmentation": []}])
    root = layouts.make_coco(tmp_path / "coco", content)
    first = read_split(coco_settings(root))
    assert [part.name for part in first.instances[0].parts] == ["leg"], "an empty part does not show"
    assert first.category_by_id[layouts.PERSON].parts == ("head", "leg")
    first.save(root / "train.json")
    second = read_split(coco_settings(root))
    assert second.instances == first.instances
    assert second.categories == first.categories


GOOD = {"name": "head", "segmentation": [SQUARE]}


@pytest.mark.parametrize(
    ("part", "complaint"),
    [
        ({"name": "wing", "segmentation": [SQUARE]}, "unknown part 'wing'; choose from head, leg"),
        (GOOD, "'head', which the annotation has twice"),
        ({"segmentation": [SQUARE]}, "the entry has no 'name'"),
        ({"name": "leg"}, "the entry has no 'segmentation'"),
        ({"name": "leg", "segmentation": [[1.0, float("nan"), 3, 4, 5, 6]]}, "neither a list of polygons"),
        ({"name": "leg", "segmentation": {"size": [3, 3], "counts": [9]}}, "3 x 3 pixels"),
        (7, "annotation 100, part 1"),
    ],
)
def test_a_bad_part_is_named_or_left_out_alone(tmp_path, part, complaint):
    """A malformed part is named with its file and annotation, or left out while its object stays."""
    root = layouts.make_coco(tmp_path / "coco", part_list_content([GOOD, part]))
    with pytest.raises(InputError, match=complaint) as error:
        read_split(coco_settings(root))
    assert "train.json" in str(error.value)
    assert "annotation 100" in str(error.value)
    found = read_split(coco_settings(root, skip_bad=True))
    assert [[part.name for part in instance.parts] for instance in found.instances] == [["head"], [], []]
    assert found.counts["malformed_parts"] == 1
    without_parts = read_split(coco_settings(root), tasks=["segmentation"])
    assert without_parts.instances == found.instances, "only the task `parts` needs parts"


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("segmentation", [[1, 2, 3, 4, 5, 6, 7]], "odd number"),
        ("category_id", "person", "category 'person'"),
        ("category_id", 99, "category 99"),
        ("image_id", 99, "image 99"),
        ("id", 101, "annotation id 101 twice"),
    ],
)
def test_a_bad_annotation_is_named_or_left_out_alone(tmp_path, key, value, complaint):
    """A malformed annotation is named with its file, or left out while the others stay."""
    content = part_list_content([])
    content["annotations"][0][key] = value
    root = layouts.make_coco(tmp_path / "coco", content)
    with pytest.raises(InputError, match=rf"train\.json.*{complaint}"):
        read_split(coco_settings(root))
    found = read_split(coco_settings(root, skip_bad=True))
    assert (len(found.instances), found.counts["malformed_annotations"]) == (2, 1)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ([1, float("nan"), 2], "the keypoint 'nose' with null in place of x, y or visibility"),
        ([1, 2, 3], "'nose' of visibility 3; choose from 0, 1, 2"),
        ([1, 2], "2 keypoint values; its category person needs 3"),
        ("nose", "its keypoints: the entry must be array, not str"),
    ],
)
def test_bad_keypoints_are_named_or_left_out_while_their_object_stays(tmp_path, value, complaint):
    """Keypoints never cost the object, and are refused only where a task needs them."""
    content = part_list_content([])
    content["annotations"][0]["keypoints"] = value
    root = layouts.make_coco(tmp_path / "coco", content)
    with pytest.raises(InputError, match=rf"train\.json.*{complaint}"):
        read_split(coco_settings(root))
    for found in (read_split(coco_settings(root, skip_bad=True)), read_split(coco_settings(root), tasks=["parts"])):
        assert len(found.instances) == 3
        assert found.instances[0].keypoints == ()
        assert found.counts["malformed_keypoints"] == 1


def test_a_bad_image_is_left_out_with_its_annotations(tmp_path):
    """Leaving a malformed image out leaves its annotations out too, and counts them."""
    content = layouts.coco_content()
    content["images"][0]["width"] = -4
    root = layouts.make_coco(tmp_path / "coco", content)
    with pytest.raises(InputError, match=r"image 11 has the size -4 x 30"):
        read_split(coco_settings(root))
    found = read_split(coco_settings(root, skip_bad=True))
    assert ([i.id for i in found.images], [i.id for i in found.instances]) == ([12], [102])
    assert (found.counts["malformed_images"], found.counts["malformed_annotations"]) == (1, 2)
