"""Parts in COCO files: as lists of an object's parts, or as categories whose union is the object; bad items."""

import numpy as np
import pytest

from hypercolumns.annotations import coco, coco_parts, masks
from hypercolumns.errors import InputError
from hypercolumns.parameters import DatasetParameters
from tests.annotations import annotation_layouts as layouts

SQUARE = [2.0, 3, 12, 3, 12, 9, 2, 9]


def settings_of(root, **changes):
    return DatasetParameters(
        format="coco", root=str(root), train="train.json", val="val.json", images="photographs", **changes
    )


def parts_content():
    """The objects of the usual layout, their categories taken for parts."""
    content = layouts.coco_content()
    content["categories"] = [
        {"id": 1, "name": "_background_"},
        {"id": layouts.PERSON, "name": "wheel"},
        {"id": layouts.CAR, "name": "door"},
    ]
    return content


def read_parts(tmp_path, content, **changes):
    root = layouts.make_coco(tmp_path / "coco", content)
    return coco_parts.read(settings_of(root, parts_of="car", **changes), "train")


def test_the_object_is_the_union_of_its_parts(tmp_path):
    found = read_parts(tmp_path, parts_content())
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
    content = parts_content()
    content["annotations"][1]["category_id"] = layouts.PERSON
    (wheel,) = read_parts(tmp_path, content).instances[0].parts
    assert masks.area(wheel.segmentation) == np.isin(layouts.numbers("first"), (1, 2)).sum()


def test_images_without_parts_have_no_object_and_sizes_are_those_of_the_object(tmp_path):
    content = parts_content()
    content["annotations"][2]["iscrowd"] = 1
    found = read_parts(tmp_path, content, minimum_area=100)
    assert len(found.images) == 2
    (car,) = found.instances
    assert not car.difficult
    assert any(masks.area(part.segmentation) < 100 for part in car.parts), "a part may be small"
    with pytest.raises(InputError, match=r"'wheel'.*choose from car"):
        read_parts(tmp_path, content, categories=("wheel",))


def listed_content(parts):
    """The usual objects, the first with a list of parts."""
    content = layouts.coco_content()
    content["categories"][1] |= {"parts": ["head", "leg"], "keypoints": ["nose"]}
    content["annotations"][0]["parts"] = parts
    return content


def test_lists_of_parts_survive_saving_and_reading(tmp_path):
    content = listed_content([{"name": "leg", "segmentation": [SQUARE]}, {"name": "head", "segmentation": []}])
    root = layouts.make_coco(tmp_path / "coco", content)
    first = coco.read(settings_of(root), "train")
    assert [part.name for part in first.instances[0].parts] == ["leg"], "an empty part does not show"
    assert first.category_by_id[layouts.PERSON].parts == ("head", "leg")
    first.save(root / "train.json")
    second = coco.read(settings_of(root), "train")
    assert second.instances == first.instances
    assert second.categories == first.categories


GOOD = {"name": "head", "segmentation": [SQUARE]}


@pytest.mark.parametrize(
    ("part", "complaint"),
    [
        ({"name": "wing", "segmentation": [SQUARE]}, "unknown part 'wing'; choose from head, leg"),
        (GOOD, "'head', which the annotation has twice"),
        ({"segmentation": [SQUARE]}, "name: it is missing"),
        ({"name": "leg"}, "segmentation: it is missing"),
        ({"name": "leg", "segmentation": [[1.0, float("nan"), 3, 4, 5, 6]]}, "neither a list of polygons"),
        ({"name": "leg", "segmentation": {"size": [3, 3], "counts": [9]}}, "3 x 3 pixels"),
        (7, "annotation 100, part 1"),
    ],
)
def test_a_bad_part_is_named_or_left_out_alone(tmp_path, part, complaint):
    root = layouts.make_coco(tmp_path / "coco", listed_content([GOOD, part]))
    with pytest.raises(InputError, match=complaint) as error:
        coco.read(settings_of(root), "train")
    assert "train.json" in str(error.value)
    assert "annotation 100" in str(error.value)
    found = coco.read(settings_of(root, skip_bad=True), "train")
    assert [[part.name for part in instance.parts] for instance in found.instances] == [["head"], [], []]
    assert found.counts["bad_items"] == 1


@pytest.mark.parametrize(
    ("key", "value", "complaint"),
    [
        ("segmentation", None, "segmentation is neither"),
        ("segmentation", [[1, 2, 3, 4, 5, 6, 7]], "odd number"),
        ("category_id", "person", "category_id"),
        ("category_id", 99, "category 99"),
        ("image_id", 99, "image 99"),
        ("id", 101, "annotation id 101 twice"),
        ("keypoints", [1, float("nan"), 2], "keypoints"),
        ("keypoints", [-1, 2, 2], r"'nose' at negative coordinates \(-1, 2\)"),
        ("keypoints", [1, 2, 3], "'nose' of visibility 3; choose from 0, 1, 2"),
        ("keypoints", [1, 2], "2 keypoint values; its category needs 3"),
    ],
)
def test_a_bad_annotation_is_named_or_left_out_alone(tmp_path, key, value, complaint):
    content = listed_content([])
    content["annotations"][0][key] = value
    root = layouts.make_coco(tmp_path / "coco", content)
    with pytest.raises(InputError, match=rf"train\.json.*{complaint}"):
        coco.read(settings_of(root), "train")
    found = coco.read(settings_of(root, skip_bad=True), "train")
    assert (len(found.instances), found.counts["bad_items"]) == (2, 1)


def test_a_bad_image_goes_with_its_annotations(tmp_path):
    content = layouts.coco_content()
    del content["images"][0]["width"]
    root = layouts.make_coco(tmp_path / "coco", content)
    with pytest.raises(InputError, match=r"images\.0\.width: it is missing \(id 11\)"):
        coco.read(settings_of(root), "train")
    found = coco.read(settings_of(root, skip_bad=True), "train")
    assert ([i.id for i in found.images], [i.id for i in found.instances]) == ([12], [102])
    assert found.counts["bad_items"] == 3
