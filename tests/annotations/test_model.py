"""The annotation model: saving and loading restores it, equal sets give equal bytes, pycocotools reads the file."""

import pickle

import numpy as np
import pytest
from pycocotools.coco import COCO

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance, Part
from hypercolumns.errors import InputError


def example() -> AnnotationSet:
    """A set with every kind of annotation."""
    rng = np.random.default_rng(0)
    mask, void = rng.random((2, 20, 30)) < 0.4
    code = masks.encode(mask)
    head = Part("head", masks.encode(mask & (rng.random((20, 30)) < 0.5)))
    cat = Instance(4, 7, 2, code, masks.box(code), masks.area(code), keypoints=(1.5, 2, 2, 0, 0, 0), parts=(head,))
    return AnnotationSet(
        images=(Image(7, "a.jpg", 30, 20, masks.encode(void)), Image(9, "sub/b.jpg", 30, 20)),
        categories=(Category(2, "cat", ("nose", "tail"), ((1, 2),), ("head",)), Category(3, "dog")),
        instances=(
            cat,
            Instance(5, 7, 3, code, (0.5, 1, 7.25, 9), 3.5, crowd=True),
            Instance(6, 9, 3, None, (0, 0, 1, 1), 1, difficult=True),
        ),
        image_root="photos",
        description="example",
        counts={"empty_masks": 2},
    )


def test_loading_restores_what_was_saved(tmp_path):
    """A loaded set equals the saved one, in a folder that `save` makes."""
    example().save(tmp_path / "deep" / "set.json")
    assert AnnotationSet.load(tmp_path / "deep" / "set.json") == example()


def test_equal_sets_give_equal_bytes(tmp_path):
    """Saving a loaded set again writes the same bytes."""
    example().save(tmp_path / "a.json")
    AnnotationSet.load(tmp_path / "a.json").save(tmp_path / "b.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_pycocotools_reads_the_same_masks_boxes_and_flags(tmp_path):
    """The saved file is COCO: pycocotools finds the same masks, boxes, crowds and ignore flags."""
    expected = example()
    expected.save(tmp_path / "set.json")
    found = COCO(tmp_path / "set.json")
    for instance in expected.instances:
        annotation = found.anns[instance.id]
        if instance.segmentation is not None:
            np.testing.assert_array_equal(found.annToMask(annotation), masks.decode(instance.segmentation))
        x, y, width, height = annotation["bbox"]
        assert (x, y, x + width, y + height) == instance.box
        assert annotation["iscrowd"] == instance.crowd
        assert annotation["ignore"] == instance.ignore


def test_instances_are_grouped_by_image():
    """Every image has a list, which is empty if it has no instance."""
    grouped = example().instances_by_image
    assert {image: [i.id for i in group] for image, group in grouped.items()} == {7: [4, 5], 9: [6]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"info": {}, "images": [3]}',
        '{"images": [], "categories": [{"id": 1}]}',
        "\ufeff\u0000",
        "3",
    ],
)
def test_other_files_are_refused(tmp_path, text):
    """Files that `save` did not write are refused by name."""
    (tmp_path / "set.json").write_text(text)
    with pytest.raises(InputError, match=r"set\.json is not an annotation file"):
        AnnotationSet.load(tmp_path / "set.json")


def test_a_box_of_three_numbers_is_refused(tmp_path):
    """A field of the wrong shape makes the file unusable."""
    example().save(tmp_path / "set.json")
    text = (tmp_path / "set.json").read_text()
    (tmp_path / "set.json").write_text(text.replace('"bbox":[0.0,0.0,1.0,1.0]', '"bbox":[0.0,0.0,1.0]'))
    with pytest.raises(InputError, match="is not an annotation file"):
        AnnotationSet.load(tmp_path / "set.json")


def test_the_error_for_a_missing_file_has_the_step_that_writes_it(tmp_path):
    """Commands use the step to say what to run."""
    with pytest.raises(InputError, match=r"set\.json does not exist") as error:
        AnnotationSet.load(tmp_path / "set.json")
    assert error.value.step == "prepare"


def test_masks_are_parsed_when_they_are_used(tmp_path):
    """A broken mask is not noticed by those who need boxes only; boxes and the presence of masks are known."""
    example().save(tmp_path / "set.json")
    text = (
        (tmp_path / "set.json")
        .read_text()
        .replace('"difficult":0,"ignore":0,"segmentation":{"size"', '"difficult":0,"ignore":0,"segmentation":{"shape"')
    )
    (tmp_path / "set.json").write_text(text)
    found = AnnotationSet.load(tmp_path / "set.json").instances
    assert [i.has_mask for i in found] == [True, True, False]
    assert [i.box for i in found] == [i.box for i in example().instances]
    with pytest.raises(ValueError, match="size"):
        _ = found[0].segmentation


def test_instances_can_be_sent_to_workers(tmp_path):
    """Pickling keeps the mask, parsed or not."""
    example().save(tmp_path / "set.json")
    loaded = AnnotationSet.load(tmp_path / "set.json").instances
    assert pickle.loads(pickle.dumps(loaded)) == example().instances  # noqa: S301 - our own bytes
