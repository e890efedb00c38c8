"""VOC and SBD: label images decide, and the same objects give the same annotations in either layout."""

import numpy as np
import pytest
from scipy.io import savemat

from hypercolumns.annotations import masks, readers, sbd, voc
from hypercolumns.errors import InputError
from hypercolumns.parameters import DatasetParameters
from tests.annotations import annotation_layouts as layouts


@pytest.fixture
def settings(tmp_path):
    """Parameters for a data set in VOC layout."""
    return DatasetParameters(format="voc", root=str(layouts.make_voc(tmp_path / "voc")))


def test_voc_masks_boxes_and_ids_come_from_the_label_images(settings):
    """Masks, areas, boxes, categories and void pixels equal those drawn into the label images."""
    found = voc.read(settings, "train")
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
    readers.check_photographs(found)


def test_voc_has_its_twenty_categories_in_alphabetical_order(settings):
    """The order of the names gives the ids, so that person is 15."""
    names = [c.name for c in voc.read(settings, "val").categories]
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
    assert [i.category_id for i in voc.read(settings, "train").instances][:2] == [15, 7]


def test_difficult_comes_from_the_best_box_of_the_same_category(settings, tmp_path):
    """An overlapping box of another category, or one that overlaps less, does not decide."""
    layouts.write_xml(
        tmp_path / "voc/Annotations/first.xml",
        layouts.xml_object("person", (11, 11, 30, 25), 1),  # lies on the car, but is a person's
        layouts.xml_object("car", (11, 11, 29, 25), 1),
        layouts.xml_object("car", (1, 1, 40, 30), 0),
        layouts.xml_object("person", (5, 6, 12, 15), 0),
    )
    person, car, other = voc.read(settings, "train").instances
    assert (person.difficult, car.difficult, other.difficult) == (False, True, False)


def test_objects_without_pixels_are_left_out_and_counted(settings, tmp_path):
    """XML objects that no pixel of the mask has count as empty masks."""
    three = [layouts.xml_object("car", (5, 6, 12, 15))] * 3
    layouts.write_xml(tmp_path / "voc/Annotations/second.xml", *three)
    found = voc.read(settings, "train")
    assert len(found.instances) == 3
    assert found.counts["empty_masks"] == 2


def test_objects_without_a_category_are_left_out_and_counted(settings, tmp_path):
    """An object whose pixels are all background in the category mask has no category."""
    layouts.write_labels(tmp_path / "voc/SegmentationClass/second.png", np.zeros((30, 40), dtype=np.uint8))
    found = voc.read(settings, "train")
    assert len(found.instances) == 2
    assert found.counts["without_category"] == 1


def test_selected_categories_keep_ids_images_and_order(settings):
    """Selecting a category leaves out the instances of others, but no image."""
    found = voc.read(settings.model_copy(update={"categories": ("car",)}), "train")
    assert [(c.id, c.name) for c in found.categories] == [(7, "car")]
    assert {i.category_id for i in found.instances} == {7}
    assert len(found.images) == 2
    assert found.counts["other_categories"] == 1


def test_an_unknown_category_is_refused_with_the_valid_ones(settings):
    """The message lists all twenty categories."""
    with pytest.raises(InputError, match=r"'unicorn'.*aeroplane.*tvmonitor"):
        voc.read(settings.model_copy(update={"categories": ("car", "unicorn")}), "train")


def test_small_instances_are_difficult(settings):
    """Instances with fewer pixels than `dataset.minimum_area` become difficult; none is left out."""
    areas = [i.area for i in voc.read(settings, "train").instances]
    limit = int(sorted(areas)[1])
    found = voc.read(settings.model_copy(update={"minimum_area": limit}), "train").instances
    assert [i.difficult for i in found] == [area < limit for area in areas]
    assert sum(i.difficult for i in found) == 1


@pytest.mark.parametrize(
    "missing",
    [
        "JPEGImages",
        "SegmentationObject",
        "SegmentationClass",
        "Annotations",
        "ImageSets/Segmentation/train.txt",
        "JPEGImages/second.jpg",
        "SegmentationObject/first.png",
        "SegmentationClass/first.png",
        "Annotations/first.xml",
    ],
)
def test_a_missing_file_or_folder_is_named(settings, tmp_path, missing):
    """The message names the path that does not exist."""
    path = tmp_path / "voc" / missing
    path.rename(tmp_path / "gone")
    with pytest.raises(InputError) as error:
        voc.read(settings, "train")
    assert str(path) in str(error.value)
    assert "does not exist" in str(error.value)


@pytest.mark.parametrize(
    ("path", "complaint"),
    [
        ("JPEGImages/first.jpg", "cannot be read"),
        ("SegmentationObject/first.png", "cannot be read"),
        ("SegmentationClass/second.png", "cannot be read"),
        ("Annotations/second.xml", "is not a VOC annotation"),
    ],
)
@pytest.mark.parametrize("share", [0.0, 0.2, 0.6])
def test_truncated_files_are_named(settings, tmp_path, path, complaint, share):
    """A file cut off anywhere is refused by name."""
    file = tmp_path / "voc" / path
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(InputError, match=complaint) as error:
        readers.check_photographs(voc.read(settings, "train"))
    assert str(file) in str(error.value)


@pytest.mark.parametrize("folder", ["SegmentationObject", "SegmentationClass"])
def test_a_mask_of_another_size_names_both_sizes(settings, tmp_path, folder):
    """The message gives the size of the mask and that of its photograph."""
    layouts.write_labels(tmp_path / "voc" / folder / "first.png", np.zeros((40, 30), dtype=np.uint8))
    with pytest.raises(InputError, match=r"30 x 40.*40 x 30"):
        voc.read(settings, "train")


def test_a_category_beyond_the_twenty_is_refused(settings, tmp_path):
    """Category masks may hold 0 to 20 and 255 only."""
    layouts.write_labels(tmp_path / "voc/SegmentationClass/first.png", np.full((30, 40), 21, dtype=np.uint8))
    with pytest.raises(InputError, match="value 21"):
        voc.read(settings, "train")


@pytest.mark.parametrize(
    "text",
    [
        "<annotation><object><name>car</name></object></annotation>",
        "<annotation><object><name>car</name><difficult>maybe</difficult></object></annotation>",
        '<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>',
        f"<annotation>{layouts.xml_object('car', (float('nan'), 6, 12, 15))}</annotation>",
        f"<annotation>{layouts.xml_object('car', (5, -6, 12, 15))}</annotation>",
    ],
)
def test_xml_without_a_valid_box_or_with_entities_is_refused(settings, tmp_path, text):
    """Boxes need four finite numbers from 0 on, and entities could expand without end."""
    (tmp_path / "voc/Annotations/first.xml").write_text(text)
    with pytest.raises(InputError, match=r"first\.xml"):
        voc.read(settings, "train")


def test_a_list_cannot_lead_out_of_the_data_set(settings, tmp_path):
    """Neither a name in a list nor the name of a list may leave the folder."""
    layouts.write_list(tmp_path / "voc/ImageSets/Segmentation/train.txt", ("../../secret",))
    with pytest.raises(InputError, match="stays inside"):
        voc.read(settings, "train")
    with pytest.raises(InputError, match="stays inside"):
        voc.read(settings.model_copy(update={"val": "../../../val"}), "val")


def test_sbd_equals_voc(settings, tmp_path):
    """The layout must not change the annotations."""
    root = layouts.make_sbd(tmp_path / "sbd")
    first = voc.read(settings, "train")
    second = sbd.read(DatasetParameters(format="sbd", root=str(root)), "train")
    assert second.instances == first.instances
    assert second.categories == first.categories
    assert second.images == first.images


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
            sbd.read(settings, "train")
    labels = layouts.numbers("second")
    for segmentation, categories, complaint in (
        (labels[:-1], [7], "40 x 29"),
        (labels, [], "object 1"),
        (labels, [21], "category 21"),
        (labels, [7.5], "category 7.5"),
        (labels, ["car"], "Categories are not numbers"),
        (np.stack([labels, labels]), [7], "dimensions"),
        (np.where(labels == 1, np.nan, 0), [7], "other than the numbers 0 to 255"),
        (np.where(labels == 1, -1, 0), [7], "other than the numbers 0 to 255"),
    ):
        _mat(file, segmentation, categories)
        with pytest.raises(InputError, match=complaint):
            sbd.read(settings, "train")
    for content in ({"other": 1}, {"GTinst": {"Segmentation": labels}}, {"GTinst": 3.0}):
        savemat(file, content)
        with pytest.raises(InputError, match=r"second\.mat.*GTinst"):
            sbd.read(settings, "train")
    file.unlink()
    with pytest.raises(InputError, match="does not exist"):
        sbd.read(settings, "train")
