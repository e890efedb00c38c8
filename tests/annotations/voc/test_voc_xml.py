"""XML of a VOC layout: `difficult` reaches its object by box, order or name, and nothing in it costs an image."""

import numpy as np
import pytest

from hypercolumns.annotations.voc.xml_objects import MaskObject, XmlObject, attribute
from tests.annotations import annotation_layouts as layouts
from tests.annotations import voc_scenes as scenes

VOC = {1: "aeroplane", 2: "bicycle"}


@pytest.fixture
def root(tmp_path):
    """A data set with VOC's names in its XML, in which no object is difficult."""
    scenes.write_all_xml(scenes.write(tmp_path / "voc"), VOC)
    return tmp_path / "voc"


def edit(root, stem, *replacements):
    """Replace texts in the XML of a photograph."""
    path = root / "Annotations" / f"{stem}.xml"
    text = path.read_text()
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)


def flags(root):
    """The flags of the objects of train, in order, and the counts of what was left out."""
    annotations, bad_items = scenes.read(root)
    assert scenes.found(annotations) == scenes.drawn("train", VOC)
    return [item.difficult for item in annotations.instances], dict(bad_items.counts)


@pytest.mark.parametrize(
    ("element", "expected", "counts"),
    [
        ("", False, {}),
        ("<difficult/>", False, {}),
        ("<difficult> </difficult>", False, {}),
        *((f"<difficult>{word}</difficult>", False, {}) for word in ("0", "false", "No", "Unspecified", "UNSPECIFIED")),
        *((f"<difficult>{word}</difficult>", True, {}) for word in ("1", " 1\n", "true", "True", "YES")),
        *((f"<difficult>{word}</difficult>", False, {"unreadable_flags": 1}) for word in ("maybe", "2", "nan", "-1")),
    ],
)
def test_flags_may_be_words_or_missing(root, element, expected, counts):
    """Empty means no, words are understood in any case, and what is neither is counted."""
    scenes.write_xml(root, "train_1", VOC, (7, 0))
    edit(root, "train_1", ("<difficult>7</difficult>", element))
    assert flags(root) == ([expected, False, False, False], counts)


@pytest.mark.parametrize(
    "replacements",
    [
        [],
        [("<xmin>6</xmin>", "<xmin>-0.35</xmin>")],
        [("<xmin>6</xmin>", "<xmin>6.4999</xmin>"), ("<ymax>16</ymax>", "<ymax>1.62e1</ymax>")],
        [("<xmin>6</xmin><ymin>5</ymin><xmax>20</xmax>", "<xmin>20</xmin><ymin>5</ymin><xmax>6</xmax>")],
        [("<xmin>6</xmin>", "")],
        [("<xmin>6</xmin>", "<xmin/>")],
        [("<xmin>6</xmin>", "<xmin>nan</xmin>")],
        [("<xmin>6</xmin>", "<xmin>1e308</xmin>")],
        [("<xmin>6</xmin>", "<xmin>left</xmin>")],
        [("bndbox", "box")],
        [("<name>aeroplane</name>", "<name>Aero Plane</name>")],
        [("<name>aeroplane</name>", "<name>plane</name>"), ("<name>bicycle</name>", "<name>bike</name>")],
        [("<name>aeroplane</name>", "<name/>")],
        [("<name>aeroplane</name>", ""), ("bndbox", "box")],
    ],
)
def test_a_flag_reaches_its_object_whatever_else_is_wrong(root, replacements):
    """Rounded, reversed or missing boxes and other names lose no flag, and no mask."""
    (root / "class_names.txt").write_text("_background_\naeroplane\nbicycle")
    scenes.write_xml(root, "train_1", VOC, (1, 0))
    edit(root, "train_1", *replacements)
    assert flags(root) == ([True, False, False, False], {})


def test_a_flag_without_an_object_is_counted(root):
    """A difficult object that has no mask is counted and said; its absence from the mask is counted as before."""
    extra = layouts.xml_object("dog", (40, 1, 47, 5), 1)
    edit(root, "train_1", ("</annotation>", f"{extra}</annotation>"))
    assert flags(root) == ([False] * 4, {"unattributed_flags": 1})
    assert scenes.read(root)[0].counts["empty_masks"] == 1


@pytest.mark.parametrize(
    "content",
    [
        "",
        "\0",
        "<a",
        "<annotation><object></annotation>",
        '<?xml version="1.0" encoding="klingon"?><annotation/>',
        '<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>',
    ],
)
def test_a_broken_file_is_counted_and_costs_no_image(root, content):
    """Files that are not XML, or declare entities, leave masks and names as they are."""
    scenes.write_xml(root, "train_1", VOC, (1, 1))
    (root / "Annotations/train_1.xml").write_text(content)
    assert flags(root) == ([False] * 4, {"unreadable_xml": 1})


def test_missing_files_are_not_counted(root):
    """Without an XML file, or without a folder of them, `difficult` is unknown."""
    scenes.write_xml(root, "train_2", VOC, (1, 0))
    (root / "Annotations/train_1.xml").unlink()
    assert flags(root) == ([False, False, True, False], {})
    (root / "Annotations").rename(root / "gone")
    assert flags(root) == ([False] * 4, {})


def test_two_files_for_one_photograph_are_counted(root):
    """Which of a.xml and a.XML is meant cannot be known."""
    (root / "Annotations/train_1.XML").write_text("<annotation/>")
    assert flags(root) == ([False] * 4, {"unreadable_xml": 1})


BOXES = [(0.0, 0.0, 10.0, 10.0), (8.0, 8.0, 30.0, 30.0), (40.0, 40.0, 60.0, 50.0)]
FAR = (100.0, 100.0, 110.0, 110.0)


def attributed(masks, xml):
    """Index of the XML object for each mask object; both are pairs of a name and a box."""
    mask_objects = [MaskObject(number, 1, box) for number, (_, box) in enumerate(masks, start=1)]
    xml_objects = [XmlObject(None, number, name, box, "") for number, (name, box) in enumerate(xml, start=1)]
    return attribute(mask_objects, [name for name, _ in masks], xml_objects)


@pytest.mark.parametrize(
    ("masks", "xml", "expected"),
    [
        ([("car", BOXES[0])], [], [-1]),
        ([], [("car", BOXES[0])], []),
        # The name comes first, then the overlap.
        ([("car", BOXES[0])], [("dog", BOXES[0]), ("car", BOXES[1]), ("car", (0, 0, 10, 9))], [2]),
        # Another name counts at the same place only, and not if that object is taken.
        ([("car", BOXES[0])], [("dog", FAR), ("dog", BOXES[0])], [1]),
        ([("car", BOXES[0])], [("dog", BOXES[1])], [-1]),
        ([("dog", BOXES[0]), ("car", (0, 0, 10, 9))], [("dog", BOXES[0])], [0, -1]),
        # Without overlap, the number decides between objects of one name.
        ([("car", BOXES[0]), ("car", BOXES[2])], [("car", FAR), ("car", FAR)], [0, 1]),
        # A name that occurs once needs neither box nor number.
        ([("car", BOXES[0]), ("dog", BOXES[2])], [("dog", None), ("car", None)], [1, 0]),
        ([("car", BOXES[0])], [("dog", FAR), ("cat", FAR), ("car", FAR)], [2]),
        # The number alone counts for objects without a box.
        ([("car", BOXES[0]), ("dog", BOXES[2])], [("x", None), ("y", None)], [0, 1]),
        ([("car", BOXES[0])], [("x", FAR)], [-1]),
    ],
)
def test_which_object_of_the_xml_describes_a_mask(masks, xml, expected):
    """Name and overlap, then place, then number and name, then the name alone, then the number alone."""
    assert attributed(masks, xml) == expected


def test_each_object_is_used_once_beyond_name_and_overlap():
    """In random scenes without equal names, XML objects at masks are found by place, each for one mask."""
    rng = np.random.default_rng(0)
    for _ in range(50):
        corners = rng.permutation(20)[:8] * 50.0
        boxes = [(x, x, x + 20, x + 20) for x in corners]
        order = rng.permutation(8)
        xml = [(f"x{i}", tuple(np.add(boxes[i], rng.uniform(-2, 2, 4)))) for i in order]
        expected = np.argsort(order).tolist()
        assert attributed([(f"m{i}", box) for i, box in enumerate(boxes)], xml) == expected
