"""Keypoints from a separate source reach the instances they belong to, from COCO and from VOC XML files alike."""

import itertools

import pytest

from hypercolumns.annotations import readers
from hypercolumns.annotations.masks import encode
from hypercolumns.errors import InputError
from hypercolumns.parameters import DatasetParameters
from tests.annotations import annotation_layouts as layouts
from tests.annotations.reading import read_split

PERSON_BOX = (4, 5, 12, 15)
"""The person of the first image, end-exclusive."""

BONES = [[2, 1]]


@pytest.fixture
def root(tmp_path):
    """A data set in VOC layout, without keypoints."""
    return layouts.make_voc(tmp_path / "voc")


def coco_keypoints(**changes):
    """Content of a COCO file of the usual objects in which the person of the first image has two keypoints."""
    content = layouts.coco_content()
    content["categories"] = [
        {"id": 1, "name": "person", "keypoints": ["L_Eye", "Nose"], "skeleton": BONES},
        {"id": layouts.CAR, "name": "car"},
    ]
    content["annotations"][0] |= {"category_id": 1, "keypoints": [5.5, 6, 2, 7, 30, 1]} | changes
    return content


def write_json(root, content):
    """Write `content` as a COCO file below `root` and return its name."""
    layouts.make_coco(root, content)
    return "train.json"


def xml_keypoints(points=(("Nose", 7, 30, 0), ("L_Eye", 5.5, 6, 1)), box=PERSON_BOX, image="first", category="person"):
    """An XML file of one object's keypoints."""
    x0, y0, x1, y1 = box
    listed = "".join(f'<keypoint name="{n}" visible="{v}" x="{x}" y="{y}" z="0" zorder="1"/>' for n, x, y, v in points)
    return (
        f"<annotation><image>{image}</image><category>{category}</category>"
        f'<visible_bounds xmin="{x0}" ymin="{y0}" width="{x1 - x0}" height="{y1 - y0}"/>'
        f"<keypoints>{listed}</keypoints></annotation>"
    )


def write_xml(root, *texts):
    """Write the files of objects in the first image to a folder below `root` and return its name."""
    folder = root / "points"
    folder.mkdir(exist_ok=True)
    for number, text in enumerate(texts):
        (folder / f"first_{number}.xml").write_text(text)
    return "points"


def read_voc(root, split="train", **changes):
    """Read and rename the annotations of a VOC data set with keypoints."""
    settings = DatasetParameters.model_validate({"format": "voc", "root": str(root)} | changes)
    return readers.rename(read_split(settings, split), settings)


def test_both_formats_give_the_same_keypoints(root):
    """A COCO file and a folder of XML files give the person, and nobody else, the same keypoints."""
    from_json = read_voc(root, keypoints=write_json(root, coco_keypoints()))
    from_xml = read_voc(root, keypoints=write_xml(root, xml_keypoints()))
    for found in (from_json, from_xml):
        person, *cars = found.instances
        assert person.keypoints == (5.5, 6, 2, 7, 30, 1)
        assert found.category_by_id[layouts.PERSON].keypoints == ("L_Eye", "Nose")
        assert all(car.keypoints == () for car in cars)
        assert found.category_by_id[layouts.PERSON].skeleton == ((2, 1),)
        assert found.counts["unmatched_keypoints"] == 0


def test_keypoint_names_select_and_order_keypoints(root):
    """`dataset.keypoint_names` applies to attached keypoints as to a data set's."""
    table = {"nose": "Nose", "left_eye": "L_Eye"}
    found = read_voc(root, keypoints=write_xml(root, xml_keypoints()), keypoint_names=table)
    assert found.category_by_id[layouts.PERSON].keypoints == ("nose", "left_eye")
    assert found.instances[0].keypoints == (7, 30, 1, 5.5, 6, 2)


def test_hidden_keypoints_outside_the_photograph_become_unlabelled(root):
    """Annotators guess where hidden joints beyond the border are, even at negative coordinates."""
    points = (("L_Eye", 5.5, 6, 1), ("Nose", -8, 717, 0))
    found = read_voc(root, keypoints=write_xml(root, xml_keypoints(points)))
    assert found.instances[0].keypoints == (5.5, 6, 2, 0, 0, 0)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_an_instance_takes_the_object_that_overlaps_it_most(root, order):
    """In any order of files, a worse copy of the person and an object elsewhere stay unmatched and are counted."""
    texts = [
        xml_keypoints(),
        xml_keypoints(points=(("Nose", 1, 1, 1),), box=(4, 5, 12, 18)),
        xml_keypoints(points=(("Nose", 2, 2, 1),), box=(30, 20, 40, 30)),
    ]
    found = read_voc(root, keypoints=write_xml(root, *(texts[i] for i in order)))
    assert found.instances[0].keypoints == (5.5, 6, 2, 7, 30, 1)
    assert found.counts["unmatched_keypoints"] == 2


def test_objects_of_other_images_and_categories_are_not_counted(root):
    """Objects that the data set has no place for are not unmatched."""
    cow = xml_keypoints(category="cow")
    elsewhere = xml_keypoints(image="fourth")
    found = read_voc(root, keypoints=write_xml(root, xml_keypoints(), cow, elsewhere), categories=["person"])
    assert found.counts["unmatched_keypoints"] == 0


def test_val_may_have_a_separate_source(root):
    """`dataset.val_keypoints` replaces `dataset.keypoints` for val only."""
    keypoints = {"keypoints": write_json(root, coco_keypoints()), "val_keypoints": "points"}
    write_xml(root, xml_keypoints(points=(("Nose", 1, 2, 1),)))
    assert read_voc(root, "train", **keypoints).instances[0].keypoints == (5.5, 6, 2, 7, 30, 1)
    assert read_voc(root, "val", **keypoints).instances[0].keypoints == (1, 2, 2)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (xml_keypoints().replace("<image>first</image>", ""), "no image"),
        (xml_keypoints().replace("category", "sort"), "no category"),
        (xml_keypoints().replace("visible_bounds", "bounds"), "no visible_bounds"),
        (xml_keypoints().replace("keypoints>", "points>"), "no keypoints"),
        (xml_keypoints().replace('x="7"', 'x="nan"'), "x of 'Nose' is 'nan', not a finite number"),
        (xml_keypoints().replace('y="30"', 'y="low"'), "y of 'Nose' is 'low'"),
        (xml_keypoints().replace('xmin="4"', ""), "xmin of 'visible_bounds' is None"),
        (xml_keypoints().replace('width="8"', 'width="0"'), "both must be positive"),
        (xml_keypoints().replace('visible="0"', 'visible="maybe"'), "visible of 'Nose' is 'maybe'"),
        (xml_keypoints().replace('"L_Eye"', '"Nose"'), "'Nose' twice"),
        (xml_keypoints().replace('"L_Eye"', '""'), "a keypoint has no name"),
        (xml_keypoints((("Nose", -3, 5, 1),)), r"visible keypoint at \(-3, 5\), outside"),
        (xml_keypoints()[:60], "is not an XML file of keypoints"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>', "is not an XML file of keypoints"),
    ],
)
def test_a_bad_xml_file_is_named_or_left_out_alone(root, text, complaint):
    """A malformed XML file is named in one paragraph, or left out while the others stay."""
    name = write_xml(root, xml_keypoints(), text)
    with pytest.raises(InputError, match=rf"first_1\.xml.*{complaint}") as error:
        read_voc(root, keypoints=name)
    assert "\n" not in str(error.value)
    found = read_voc(root, keypoints=name, skip_bad=True)
    assert found.instances[0].keypoints == (5.5, 6, 2, 7, 30, 1)
    assert found.counts["malformed_keypoints"] == 1


def test_a_bad_annotation_of_a_coco_file_is_named_or_left_out_alone(root):
    """A malformed annotation is named, or left out with its keypoints and counted."""
    small = encode(layouts.numbers("first")[:20] == 1)
    for changes, complaint in (
        ({"keypoints": [1, 2, 2]}, "3 keypoint values; its category person needs 6"),
        ({"keypoints": [1, 2, 5, 0, 0, 0]}, "annotation 100 has the keypoint 'L_Eye' of visibility 5"),
        ({"segmentation": dict(small)}, "annotation 100: its mask is 40 x 20 pixels"),
    ):
        content = coco_keypoints(**changes)
        content["annotations"][2] |= {"category_id": 1, "keypoints": [5, 6, 2, 0, 0, 0]}  # a car to the data set
        name = write_json(root, content)
        with pytest.raises(InputError, match=complaint):
            read_voc(root, keypoints=name)
        found = read_voc(root, keypoints=name, skip_bad=True)
        assert found.instances[0].keypoints == ()
        assert found.counts.get("malformed_keypoints", 0) + found.counts.get("malformed_annotations", 0) == 1


@pytest.mark.parametrize("point", [(-1, 2), (60, 2), (1, -0.5), (1, 31)])
def test_visible_keypoints_outside_the_photograph_become_unlabelled_and_are_counted(root, point):
    """LSP and others annotate joints beyond the edge; these have no pixel to learn from."""
    name = write_json(root, coco_keypoints(keypoints=[*point, 2, 5, 6, 2]))
    found = read_voc(root, keypoints=name)
    assert found.instances[0].keypoints == (0, 0, 0, 5, 6, 2)
    assert found.counts["visible_keypoints_outside_their_photographs"] == 1


def test_a_file_of_photographs_at_another_scale_is_refused(root):
    """Keypoints at another scale would lie in the wrong places."""
    content = coco_keypoints()
    content["images"][0] |= {"width": 80, "height": 60}
    content["annotations"] = content["annotations"][:1]
    content["annotations"][0]["segmentation"] = [[8.0, 10, 24, 10, 24, 30, 8, 30]]
    with pytest.raises(InputError, match="80 x 60 pixels, but its photograph is 40 x 30"):
        read_voc(root, keypoints=write_json(root, content))


def test_sources_that_do_not_fit_the_data_set_are_refused(root):
    """A source needs a category and an image in common with the data set, and must exist below its folder."""
    for keypoints, complaint in (
        (lambda: write_xml(root, xml_keypoints(category="unicorn")), "keypoints of unicorn, but the .* are aeroplane"),
        (lambda: write_xml(root, xml_keypoints(image="fourth")), "no keypoints for any image"),
        (lambda: "nowhere.json", r"nowhere\.json does not exist"),
        (lambda: "../points", "stays inside"),
        (lambda: write_json(root, layouts.coco_content()), "no category with keypoints"),
    ):
        with pytest.raises(InputError, match=complaint):
            read_voc(root, keypoints=keypoints())
    (root / "empty").mkdir()
    with pytest.raises(InputError, match="no XML file"):
        read_voc(root, keypoints="empty")
