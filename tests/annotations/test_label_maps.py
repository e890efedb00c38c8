"""VOC and SBD: label images decide, and the same objects give the same annotations in either layout."""

import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.io import savemat

from hypercolumns.annotations import masks
from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.matlab import sbd
from hypercolumns.annotations.voc import reader as voc
from hypercolumns.errors import InputError
from hypercolumns.parameters import DatasetParameters
from tests.annotations import annotation_layouts as layouts


@pytest.fixture
def settings(tmp_path):
    """Parameters for a data set in VOC layout."""
    return DatasetParameters(format="voc", root=str(layouts.make_voc(tmp_path / "voc")))


def read(settings, split="train", reader=voc):
    """Read a split with either reader."""
    return reader.read(settings, split, BadItems(settings.skip_bad, ["segmentation"]))


def test_voc_masks_boxes_and_ids_come_from_the_label_images(settings, tmp_path):
    """Masks, areas, boxes, categories and void pixels equal those drawn into the label images."""
    found = read(settings)
    assert [(i.id, i.file_name, i.width, i.height) for i in found.images] == [
        (1, "first.jpg", 40, 30),
        (2, "second.jpg", 40, 30),
    ]
    assert [(i.id, i.image_id, i.category_id) for i in found.instances] == [(1, 1, 15), (2, 1, 7), (3, 2, 7)]
    # Object 2 covers the corner of object 1 from row 10, column 10 on.
    assert found.instances[0].box == (4, 5, 12, 15)
    assert found.instances[1].box == (10, 10, 30, 25)
    np.testing.assert_array_equal(masks.decode(found.instances[0].segmentation), layouts.numbers("first") == 1)
    assert found.instances[0].area == (layouts.numbers("first") == 1).sum()
    np.testing.assert_array_equal(masks.decode(found.images[0].void), layouts.numbers("first") == 255)
    assert found.images[1].origin == f"line 2 of {tmp_path}/voc/ImageSets/Segmentation/train.txt"


def test_voc_has_its_twenty_categories_in_alphabetical_order(settings):
    """The order of the names gives the ids, so that person is 15."""
    names = [c.name for c in read(settings, "val").categories]
    assert names == sorted(names)
    assert len(names) == 20
    assert names[14] == "person"


def test_the_category_is_that_of_most_pixels(settings, tmp_path):
    """A few pixels of another category do not matter, and neither does the order of objects in the XML."""
    layouts.write_xml(
        tmp_path / "voc/Annotations/first.xml",
        layouts.xml_object("car", (11, 11, 30, 25)),
        layouts.xml_object("person", (5, 6, 12, 15)),
    )
    labels = layouts.classes("first")
    labels[20, 15:20] = 3  # a few pixels of the car say bird
    layouts.write_labels(tmp_path / "voc/SegmentationClass/first.png", labels)
    assert [i.category_id for i in read(settings).instances][:2] == [15, 7]


def test_difficult_comes_from_the_best_box_of_the_same_category(settings, tmp_path):
    """An overlapping box of another category, or one that overlaps less, does not decide."""
    layouts.write_xml(
        tmp_path / "voc/Annotations/first.xml",
        layouts.xml_object("person", (11, 11, 30, 25), 1),  # lies on the car, but is a person's
        layouts.xml_object("car", (11, 11, 29, 25), 1),
        layouts.xml_object("car", (1, 1, 40, 30), 0),
        layouts.xml_object("person", (5, 6, 12, 15), 0),
    )
    person, car, other = read(settings).instances
    assert (person.difficult, car.difficult, other.difficult) == (False, True, False)


def test_objects_without_pixels_are_left_out_and_counted(settings, tmp_path):
    """XML objects that no pixel of the mask has count as empty masks."""
    three = [layouts.xml_object("car", (5, 6, 12, 15))] * 3
    layouts.write_xml(tmp_path / "voc/Annotations/second.xml", *three)
    found = read(settings)
    assert len(found.instances) == 3
    assert found.counts["empty_masks"] == 2


def test_objects_without_a_category_are_left_out_and_counted(settings, tmp_path):
    """An object whose pixels are all background in the category mask has no category."""
    layouts.write_labels(tmp_path / "voc/SegmentationClass/second.png", np.zeros((30, 40), dtype=np.uint8))
    found = read(settings)
    assert len(found.instances) == 2
    assert found.counts["without_category"] == 1


def test_selected_categories_keep_ids_images_and_order(settings):
    """Selecting a category leaves out the instances of others, but no image."""
    found = read(settings.model_copy(update={"categories": ("car",)}))
    assert [(c.id, c.name) for c in found.categories] == [(7, "car")]
    assert {i.category_id for i in found.instances} == {7}
    assert len(found.images) == 2
    assert found.counts["other_categories"] == 1


def test_an_unknown_category_is_refused_with_the_valid_ones(settings):
    """The message lists all twenty categories."""
    with pytest.raises(InputError, match=r"'unicorn'.*aeroplane.*tvmonitor"):
        read(settings.model_copy(update={"categories": ("car", "unicorn")}))


def test_small_instances_are_difficult(settings):
    """Instances with fewer pixels than `dataset.minimum_area` become difficult; none is left out."""
    areas = [i.area for i in read(settings).instances]
    limit = int(sorted(areas)[1])
    found = read(settings.model_copy(update={"minimum_area": limit})).instances
    assert [i.difficult for i in found] == [area < limit for area in areas]
    assert sum(i.difficult for i in found) == 1


@pytest.mark.parametrize(
    "path", ["SegmentationObject/first.png", "SegmentationClass/second.png", "ImageSets/Segmentation/train.txt"]
)
@pytest.mark.parametrize("share", [0.0, 0.2, 0.6])
def test_truncated_files_are_named(settings, tmp_path, path, share):
    """A mask or list cut off anywhere is refused by name."""
    file = tmp_path / "voc" / path
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=r"cannot be read|is empty|no photograph of that name") as error:
        read(settings)
    assert str(file) in str(error.value)


@pytest.mark.parametrize("folder", ["SegmentationObject", "SegmentationClass"])
def test_masks_of_two_sizes_are_refused_with_both(settings, tmp_path, folder):
    """The message names both masks and their sizes."""
    layouts.write_labels(tmp_path / "voc" / folder / "first.png", np.zeros((40, 30), dtype=np.uint8))
    with pytest.raises(
        InputError, match=r"SegmentationObject.*first\.png is .* pixels, but .*Class.*first\.png"
    ) as error:
        read(settings)
    assert {"30 x 40", "40 x 30"} <= set(re.findall(r"\d+ x \d+", str(error.value)))


def test_the_annotated_size_is_that_of_the_masks(settings, tmp_path):
    """Photographs of another size are left to the check of photographs, which knows how they are turned."""
    layouts.write_photograph(tmp_path / "voc/JPEGImages/first.jpg", width=30, height=40)
    assert (read(settings).images[0].width, read(settings).images[0].height) == (40, 30)


def test_a_category_beyond_the_twenty_is_refused(settings, tmp_path):
    """Category masks may hold 0 to 20 and 255 only."""
    layouts.write_labels(tmp_path / "voc/SegmentationClass/first.png", np.full((30, 40), 21, dtype=np.uint8))
    with pytest.raises(InputError, match="value 21"):
        read(settings)


def test_a_list_cannot_lead_out_of_the_data_set(settings, tmp_path):
    """Neither a name in a list nor the name of a list may leave the folder."""
    layouts.write_photograph(tmp_path / "secret.jpg")
    layouts.write_list(tmp_path / "voc/ImageSets/Segmentation/train.txt", ("../../secret",))
    with pytest.raises(InputError, match=r"Line 1 of .*train\.txt names '../../secret'"):
        read(settings)
    with pytest.raises(InputError, match="stays inside"):
        read(settings.model_copy(update={"val": "../../../val"}), "val")


def test_sbd_equals_voc(settings, tmp_path):
    """The layout must not change the annotations."""
    root = layouts.make_sbd(tmp_path / "sbd")
    first = read(settings)
    second = read(DatasetParameters(format="sbd", root=str(root)), reader=sbd)
    assert second.instances == first.instances
    assert second.categories == first.categories
    assert [replace(image, origin="") for image in second.images] == [
        replace(image, origin="") for image in first.images
    ]
    assert [image.origin for image in second.images] == [f"line {n} of {root}/train.txt" for n in (1, 2)]


def test_sbd_photographs_may_be_png_and_lists_may_have_suffixes(tmp_path):
    """SBD reads photographs and lists as VOC does."""
    root = layouts.make_sbd(tmp_path / "sbd")
    (root / "img/first.jpg").rename(root / "img/first.PNG")
    layouts.write_list(root / "train.txt", ("second.jpg", "img/first.png"))
    found = read(DatasetParameters(format="sbd", root=str(root)), reader=sbd)
    assert [image.file_name for image in found.images] == ["second.jpg", "first.PNG"]


def _mat(path, segmentation, categories):
    savemat(path, {"GTinst": {"Segmentation": segmentation, "Categories": np.array(categories)[:, None]}})


def test_broken_sbd_files_are_named(tmp_path):
    """Damaged files, wrong fields and values that mean nothing are refused with the name of the file."""
    root = layouts.make_sbd(tmp_path / "sbd")
    settings = DatasetParameters(format="sbd", root=str(root))
    file = root / "inst" / "second.mat"
    good = file.read_bytes()
    for content in (b"", good[:40], good[: len(good) // 2], b"nonsense" * 50):
        file.write_bytes(content)
        with pytest.raises(InputError, match=r"second\.mat is not an SBD annotation"):
            read(settings, reader=sbd)
    labels = layouts.numbers("second")
    for segmentation, categories, complaint in (
        (labels, [], "object 1"),
        (labels, [21], "category 21"),
        (labels, [7.5], "category 7.5"),
        (labels, ["car"], "Categories are not numbers"),
        (np.stack([labels, labels]), [7], r"shape \(2, 30, 40\)"),
        (np.zeros((0, 0)), [7], r"shape \(0,\)"),
        (np.where(labels == 1, np.nan, 0), [7], "other than the numbers 0 to 255"),
        (np.where(labels == 1, -1, 0), [7], "other than the numbers 0 to 255"),
    ):
        _mat(file, segmentation, categories)
        with pytest.raises(InputError, match=complaint):
            read(settings, reader=sbd)
    for content in ({"other": 1}, {"GTinst": {"Segmentation": labels}}, {"GTinst": 3.0}):
        savemat(file, content)
        with pytest.raises(InputError, match=r"second\.mat.*GTinst"):
            read(settings, reader=sbd)
    file.unlink()
    with pytest.raises(InputError, match="does not exist"):
        read(settings, reader=sbd)
