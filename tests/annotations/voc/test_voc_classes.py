"""Class names of a VOC layout: each source gives the names that were meant, and contradictions are refused."""

import numpy as np
import pytest

from hypercolumns.annotations.voc.class_table import VOC_TABLE, plain, read_class_names, read_labelmap
from hypercolumns.errors import InputError
from tests.annotations import annotation_layouts as layouts
from tests.annotations import voc_scenes as scenes

LABELMAP = "# label:color_rgb:parts:actions\nbackground:0,0,0::\nhelmet:128,0,0::\nvest:0,128,0::\n"
CLASS_NAMES = "_background_\nhelmet\nvest"
SWAPPED = {1: "vest", 2: "helmet"}


@pytest.fixture
def root(tmp_path):
    """A data set without any names of classes."""
    return scenes.write(tmp_path / "voc")


def names_of(annotations):
    """Names of the categories by their id."""
    return {category.id: category.name for category in annotations.categories}


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize(
    "files",
    [
        {"labelmap.txt": LABELMAP},
        {"class_names.txt": CLASS_NAMES},
        {"class_names.txt": "__ignore__\n" + CLASS_NAMES + "\n"},
        {"labelmap.txt": LABELMAP, "class_names.txt": CLASS_NAMES},
        {
            "labelmap.txt": LABELMAP.replace("helmet", "Hel-met"),
            "class_names.txt": CLASS_NAMES.replace("helmet", "hel met"),
        },
        {"labelmap.txt": "helmet\nvest"},
        {"labelmap.txt": "\ufeffhelmet:::\r\nbackground:0,0,0::\r\nvest:1,2,3:hand,foot:run\r\n"},
    ],
)
def test_files_name_the_classes(root, files, split):
    """Both files give the drawn objects their names, in either split."""
    for name, text in files.items():
        (root / name).write_text(text)
    annotations, _ = scenes.read(root, split)
    assert [plain(name) for name in names_of(annotations).values()] == ["helmet", "vest"]
    assert list(names_of(annotations)) == [1, 2]
    assert scenes.found(annotations) == scenes.drawn(split, names_of(annotations))


def test_the_parameter_comes_first(root):
    """`dataset.class_names` replaces the names of files, whatever they say, with or without a background."""
    scenes.write_all_xml(root, SWAPPED)
    (root / "labelmap.txt").write_text(LABELMAP)
    (root / "class_names.txt").write_text("_background_\nvest\nhelmet")
    for names in (["casque", "gilet"], ["background", "casque", "gilet"]):
        annotations, _ = scenes.read(root, class_names=names)
        assert scenes.found(annotations) == scenes.drawn("train", {1: "casque", 2: "gilet"})


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize(
    "names",
    [{1: "helmet", 2: "vest"}, {1: "person", 2: "vest"}, {1: "person", 2: "car"}, {1: "bicycle", 2: "aeroplane"}],
)
def test_boxes_in_the_xml_name_the_classes(root, names, split):
    """The name of a class is that of the XML boxes on its masks, also if VOC has such names at other numbers."""
    scenes.write_all_xml(root, names)
    annotations, _ = scenes.read(root, split)
    assert names_of(annotations) == names
    assert scenes.found(annotations) == scenes.drawn(split, names)


def test_both_splits_have_the_same_classes_even_if_one_lacks_some(root):
    """A class that only val's XML names is a category of train too."""
    scenes.write_all_xml(root)
    for stem in scenes.SPLITS["train"]:
        (root / "Annotations" / f"{stem}.xml").unlink()
    for split in scenes.SPLITS:
        assert names_of(scenes.read(root, split)[0]) == scenes.NAMES


def test_order_names_the_classes_if_boxes_do_not(root):
    """Without boxes, and with boxes that fit two objects alike, object i of the XML is object i of the mask."""
    whole = (1, 1, scenes.WIDTH, scenes.HEIGHT)
    for stem, values in scenes.VALUES.items():
        objects = [layouts.xml_object(scenes.NAMES[value], whole) for value in values]
        layouts.write_xml(root / "Annotations" / f"{stem}.xml", *objects)
    assert names_of(scenes.read(root)[0]) == scenes.NAMES
    for path in (root / "Annotations").iterdir():
        path.write_text(path.read_text().replace("xmin", "left"))
    assert names_of(scenes.read(root)[0]) == scenes.NAMES


@pytest.mark.parametrize("names", [{1: "aeroplane", 2: "bicycle"}, {1: "Aero-Plane", 2: " bi_cycle "}, None])
def test_without_other_names_the_classes_are_voc_s(root, names):
    """XML with VOC's names in any spelling, or none, leaves VOC's twenty categories and their ids."""
    if names:
        scenes.write_all_xml(root, names)
    annotations, bad_items = scenes.read(root)
    assert names_of(annotations) == VOC_TABLE.names
    assert scenes.found(annotations) == scenes.drawn("train", {1: "aeroplane", 2: "bicycle"})
    assert not bad_items.counts


def test_unknown_names_in_the_xml_do_not_matter_if_a_file_names_the_classes(root):
    """With a file of names, the XML tells which objects are difficult, whatever it calls them."""
    (root / "labelmap.txt").write_text(LABELMAP)
    for stem in scenes.BOXES:
        scenes.write_xml(root, stem, {1: "casque", 2: "gilet"}, (1, 0))
    annotations, bad_items = scenes.read(root)
    assert scenes.found(annotations) == scenes.drawn()
    assert [item.difficult for item in annotations.instances] == [True, False, True, False]
    assert not bad_items.counts


def test_a_single_name_that_contradicts_a_file_is_counted(root):
    """Masks decide where one photograph's XML disagrees with the file; its names are counted as contradictions."""
    (root / "labelmap.txt").write_text(LABELMAP)
    scenes.write_all_xml(root)
    scenes.write_xml(root, "train_2", SWAPPED)
    annotations, bad_items = scenes.read(root)
    assert scenes.found(annotations) == scenes.drawn()
    assert bad_items.counts == {"contradicting_names": 2}


def write_text(name, text):
    """A change that writes a file."""
    return lambda root: (root / name).write_text(text)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        (
            [write_text("labelmap.txt", LABELMAP), write_text("class_names.txt", "_background_\nvest\nhelmet")],
            r"labelmap\.txt and .*class_names\.txt contradict .* class 1 is 'helmet' in one and 'vest' in the other",
        ),
        (
            [write_text("labelmap.txt", LABELMAP), write_text("class_names.txt", "_background_\nhelmet\nvest\nboot")],
            r"contradict .* class 3 is 'missing' in one and 'boot'",
        ),
        (
            [write_text("labelmap.txt", LABELMAP), lambda root: scenes.write_all_xml(root, SWAPPED)],
            r"labelmap\.txt calls the class 1 'helmet', but object 1 \(vest\) of .*train_1\.xml calls it 'vest'",
        ),
        (
            [scenes.write_all_xml, lambda root: scenes.write_xml(root, "train_2", SWAPPED)],
            r"class 2 of the masks 'vest' \(object 2 .*train_1\.xml\) and 'helmet' \(object 1 .*train_2\.xml\)",
        ),
        (
            [scenes.write_all_xml, lambda root: scenes.write_xml(root, "val_1", SWAPPED)],
            r"class 1 of the masks 'helmet' .*train_1\.xml\) and 'vest' .*val_1\.xml\)",
        ),
        (
            [lambda root: scenes.write_all_xml(root, {1: "Thing", 2: "thing"})],
            r"the name 'thing' to the class 1 .*train_1\.xml\) and to the class 2 .*train_1\.xml\)",
        ),
        (
            [
                lambda root: layouts.write_xml(
                    root / "Annotations/train_1.xml", layouts.xml_object("helmet", (6, 5, 20, 16))
                )
            ],
            r"SegmentationClass/train_1\.png holds the value 2, for which the XML .* has no name; it has 1 helmet\. If",
        ),
        (
            [write_text("class_names.txt", "_background_\nhelmet")],
            r"train_1\.png holds the value 2, for which .*class_names\.txt has no name; it has 1 helmet\. If",
        ),
    ],
)
def test_contradictions_are_refused_with_both_values(root, changes, complaint):
    """The message names the files, what each says, and the parameter that settles it."""
    for change in changes:
        change(root)
    with pytest.raises(InputError, match=rf"{complaint}.*dataset\.class_names") as error:
        scenes.read(root)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("helmet:1,2::", r"Line 1 of .* has the colour '1,2'"),
        ("# a\nhelmet:1,2,256::", r"Line 2 of .* has the colour '1,2,256'"),
        (f"helmet:1,2,{'9' * 5000}::", "has the colour"),
        ("helmet:1,2,3::\nvest:1,2,3::", "gives 'helmet' and 'vest' the same colour, 1,2,3"),
        ("helmet:1,2,3::\nHelmet:::", "names the class 'Helmet' twice"),
        ("helmet:0,0,0::", "Line 1 of .* 'helmet' the colour 0,0,0, which is that of the background"),
        ("# nothing\n", "names 0 classes"),
        ("helmet\n--:1,2,3::", "names a class '--'; a name needs a letter or digit"),
        ("\n".join(f"c{i}" for i in range(255)), "names 255 classes; a mask holds 1 to 254"),
    ],
)
def test_a_labelmap_that_cannot_be_used_is_refused(tmp_path, text, complaint):
    """The message names the file, the line and what is wrong with it."""
    path = tmp_path / "labelmap.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=complaint) as error:
        read_labelmap(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "names 0 classes"),
        ("_background_\nhelmet\n\nvest", "Line 3 of .* is blank"),
        ("_background_\nhelmet\nhelmet", "'helmet' twice"),
        ("helmet\n_background_", "background '_background_' after a class"),
    ],
)
def test_class_names_that_cannot_be_used_are_refused(tmp_path, text, complaint):
    """Lines are counted to number the classes, so that none may be blank, repeated or misplaced."""
    path = tmp_path / "class_names.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=complaint) as error:
        read_class_names(path)
    assert str(path) in str(error.value)


def test_colours_of_a_labelmap(tmp_path):
    """Given colours stand for their classes, VOC's for classes without one; void and background need no place."""
    path = tmp_path / "labelmap.txt"
    path.write_text("vest:1,2,3::\nignored:4,5,6::\nhelmet:::\nbackground:7,8,9::\n")
    table = read_labelmap(path)
    assert table.names == {1: "vest", 2: "helmet"}
    assert table.colours == {
        (1, 2, 3): 1,
        (0, 128, 0): 2,
        (4, 5, 6): 255,
        (224, 224, 192): 255,
        (7, 8, 9): 0,
        (0, 0, 0): 0,
    }


@pytest.mark.parametrize("number", [1, 7])
def test_a_number_for_objects_of_two_classes_is_refused(root, number):
    """Such masks are black and white, or numbered anew for each class; objects would merge."""
    merged = np.where(scenes.numbers("train_2") > 0, number, 0).astype(np.uint8)
    scenes.save(scenes.palette(merged), root / "SegmentationObject" / "train_2.png")
    with pytest.raises(InputError, match=r"train_2\.png covers the classes 1 and 2 of .* a number of its own"):
        scenes.read(root, class_names=["helmet", "vest"])
