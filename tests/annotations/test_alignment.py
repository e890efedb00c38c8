"""Val gets the categories, keypoints and parts of train, matched by their names."""

import pytest

from hypercolumns.annotations import masks
from hypercolumns.annotations.alignment import align
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance, Part
from hypercolumns.errors import InputError

TASKS = ("segmentation", "keypoints", "parts")
CODE = masks.from_polygons([[1, 1, 6, 1, 6, 6, 1, 6]], 8, 9)
HAND, FOOT = Part("hand", CODE), Part("foot", CODE)
TRAIN = (Category(4, "person", ("left", "right"), ((1, 2),), ("hand", "foot")), Category(2, "car"))


def val_set(categories, instances) -> AnnotationSet:
    """One image with the given instances of (category id, keypoints, parts)."""
    return AnnotationSet(
        images=(Image(1, "a.jpg", 9, 8),),
        categories=tuple(categories),
        instances=tuple(
            Instance(number, 1, category, CODE, masks.box(CODE), masks.area(CODE), keypoints=keypoints, parts=parts)
            for number, (category, keypoints, parts) in enumerate(instances, start=1)
        ),
        image_root="photos",
        description="COCO, val.json",
    )


def test_other_ids_and_another_order_make_no_difference():
    """Two exports of one tool often number categories, keypoints and parts differently."""
    val = val_set(
        [Category(1, "car"), Category(7, "person", ("right", "left"), (), ("foot", "hand"))],
        [(7, (5, 6, 2, 1, 2, 1), (FOOT, HAND)), (1, (), ())],
    )
    found = align(val, TRAIN, TASKS)
    assert found.categories == TRAIN
    assert [i.category_id for i in found.instances] == [4, 2]
    assert found.instances[0].keypoints == (1, 2, 1, 5, 6, 2)
    assert found.instances[0].parts == (FOOT, HAND)


def test_val_may_list_fewer_categories_keypoints_and_parts():
    """What val does not list is not labelled there; a file without annotations may list nothing."""
    val = val_set([Category(4, "person", ("right",))], [(4, (5, 6, 2), ())])
    assert align(val, TRAIN, TASKS).instances[0].keypoints == (0, 0, 0, 5, 6, 2)
    assert align(val_set([], []), TRAIN, TASKS).categories == TRAIN


def test_categories_that_only_val_lists_are_left_out_unless_they_occur():
    """A model cannot know a category that train does not have."""
    categories = [Category(4, "person"), Category(5, "dog")]
    assert align(val_set(categories, [(4, (), ())]), TRAIN, TASKS).categories == TRAIN
    with pytest.raises(InputError, match=r"val\.json: val has instances of the category 'dog'.* car, person"):
        align(val_set(categories, [(5, (), ())]), TRAIN, TASKS)


@pytest.mark.parametrize(
    ("kind", "category"),
    [
        ("keypoints", Category(4, "person", ("left", "nose"))),
        ("parts", Category(4, "person", parts=("hand", "nose"))),
    ],
)
def test_a_keypoint_or_part_that_train_lacks_is_refused_where_a_task_needs_it(kind, category):
    """Otherwise val would be measured on something that was never learned."""
    val = val_set([category], [(4, (1, 2, 2, 3, 4, 2) if category.keypoints else (), ())])
    with pytest.raises(InputError, match=f"val lists the {kind} nose of person, which train does not have"):
        align(val, TRAIN, TASKS)
    assert align(val, TRAIN, ["segmentation"]).categories == TRAIN
