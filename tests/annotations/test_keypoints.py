"""Keypoints from a source of their own reach the instance they belong to, from COCO files and from VOC's xml alike."""

import itertools

import pytest

from hypercolumns.annotations import readers
from hypercolumns.annotations.masks import encode
from hypercolumns.errors import InputError
from hypercolumns.parameters import DatasetParameters
from tests.annotations import annotation_layouts as layouts

PERSON_BOX = (4, 5, 12, 15)
"""The person of the first image, end-exclusive."""

BONES = [[2, 1]]


@pytest.fixture
def root(tmp_path):
    return layouts.make_voc(tmp_path / "voc")


def coco_keypoints(**changes):
    """A COCO file of the usual objects in which the first image's person has two keypoints."""
    content = layouts.coco_content()
    content["categories"] = [
        {"id": 1, "name": "person", "keypoints": ["L_Eye", "Nose"], "skeleton": BONES},
        {"id": layouts.CAR, "name": "car"},
    ]
    content["annotations"][0] |= {"category_id": 1, "keypoints": [5.5, 6, 2, 7, 30, 1]} | changes
    return content


def write_json(root, content):
    layouts.make_coco(root, content)
    return "train.json"


def xml_keypoints(points=(("Nose", 7, 30, 0), ("L_Eye", 5.5, 6, 1)), box=PERSON_BOX, image="first", category="person"):
    x0, y0, x1, y1 = box
    listed = "".join(f'<keypoint name="{n}" visible="{v}" x="{x}" y="{y}" z="0" zorder="1"/>' for n, x, y, v in points)
    return (
        f"<annotation><image>{image}</image><category>{category}</category>"
        f'<visible_bounds xmin="{x0}" ymin="{y0}" width="{x1 - x0}" height="{y1 - y0}"/>'
        f"<keypoints>{listed}</keypoints></annotation>"
    )


def write_xml(root, *texts):
    folder = root / "points"
    folder.mkdir(exist_ok=True)
    for number, text in enumerate(texts):
        (folder / f"first_{number}.xml").write_text(text)
    return "points"


def read(root, tmp_path, split="train", **changes):
    settings = DatasetParameters.model_validate({"format": "voc", "root": str(root)} | changes)
    return readers.rename(readers.read(settings, split), settings)


def test_both_forms_give_the_same_keypoints_to_the_same_person(root, tmp_path):
    from_json = read(root, tmp_path, keypoints=write_json(root, coco_keypoints()))
    from_xml = read(root, tmp_path, keypoints=write_xml(root, xml_keypoints()))
    for found in (from_json, from_xml):
        person, *cars = found.instances
        assert person.keypoints == (5.5, 6, 2, 7, 30, 1)
        assert found.category_by_id[layouts.PERSON].keypoints == ("L_Eye", "Nose")
        assert all(car.keypoints == () for car in cars)
        assert found.category_by_id[layouts.PERSON].skeleton == ((2, 1),)
        assert found.counts["unmatched_keypoints"] == 0


def test_names_choose_and_order(root, tmp_path):
    table = {"nose": "Nose", "left_eye": "L_Eye"}
    found = read(root, tmp_path, keypoints=write_xml(root, xml_keypoints()), keypoint_names=table)
    assert found.category_by_id[layouts.PERSON].keypoints == ("nose", "left_eye")
    assert found.instances[0].keypoints == (7, 30, 1, 5.5, 6, 2)


def test_hidden_keypoints_outside_the_photograph_are_not_labelled(root, tmp_path):
    """Annotators guess where hidden joints beyond the border are, even at negative coordinates."""
    points = (("L_Eye", 5.5, 6, 1), ("Nose", -8, 717, 0))
    found = read(root, tmp_path, keypoints=write_xml(root, xml_keypoints(points)))
    assert found.instances[0].keypoints == (5.5, 6, 2, 0, 0, 0)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_each_object_goes_to_its_best_instance_once_whatever_the_order(root, tmp_path, order):
    """A worse copy of the same person and one elsewhere find no instance, and are counted."""
    texts = [
        xml_keypoints(),
        xml_keypoints(points=(("Nose", 1, 1, 1),), box=(4, 5, 12, 18)),
        xml_keypoints(points=(("Nose", 2, 2, 1),), box=(30, 20, 40, 30)),
    ]
    found = read(root, tmp_path, keypoints=write_xml(root, *(texts[i] for i in order)))
    assert found.instances[0].keypoints == (5.5, 6, 2, 7, 30, 1)
    assert found.counts["unmatched_keypoints"] == 2


def test_objects_of_other_images_and_categories_do_not_count(root, tmp_path):
    cow = xml_keypoints(category="cow")
    elsewhere = xml_keypoints(image="fourth")
    found = read(root, tmp_path, keypoints=write_xml(root, xml_keypoints(), cow, elsewhere), categories=["person"])
    assert found.counts["unmatched_keypoints"] == 0


def test_val_may_have_keypoints_of_its_own(root, tmp_path):
    keypoints = {"keypoints": write_json(root, coco_keypoints()), "val_keypoints": "points"}
    write_xml(root, xml_keypoints(points=(("Nose", 1, 2, 1),)))
    assert read(root, tmp_path, "train", **keypoints).instances[0].keypoints == (5.5, 6, 2, 7, 30, 1)
    assert read(root, tmp_path, "val", **keypoints).instances[0].keypoints == (1, 2, 2)


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
        (xml_keypoints().replace('"L_Eye"', '""'), "without a name"),
        (xml_keypoints((("Nose", -3, 5, 1),)), r"visible keypoint at \(-3, 5\), outside"),
        (xml_keypoints()[:60], "no xml file of keypoints"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>', "no xml file of keypoints"),
    ],
)
def test_a_bad_xml_file_is_named_or_left_out_alone(root, tmp_path, text, complaint):
    name = write_xml(root, xml_keypoints(), text)
    with pytest.raises(InputError, match=rf"first_1\.xml.*{complaint}") as error:
        read(root, tmp_path, keypoints=name)
    assert "\n" not in str(error.value)
    found = read(root, tmp_path, keypoints=name, skip_bad=True)
    assert found.instances[0].keypoints == (5.5, 6, 2, 7, 30, 1)
    assert found.counts["bad_items"] == 1


def test_bad_annotations_of_a_coco_file_are_named_or_left_out(root, tmp_path):
    small = encode(layouts.numbers("first")[:20] == 1)
    for changes, complaint in (
        ({"keypoints": [1, 2, 2]}, "3 keypoint values; its category needs 6"),
        ({"keypoints": [-1, 2, 2, 0, 0, 0]}, "annotation 100 has the keypoint 'L_Eye' at negative coordinates"),
        ({"keypoints": [60, 2, 2, 0, 0, 0]}, r"annotation 100 has a visible keypoint at \(60, 2\), outside"),
        ({"segmentation": dict(small)}, "annotation 100: its mask is 40 x 20 pixels"),
    ):
        content = coco_keypoints(**changes)
        content["annotations"][2] |= {"category_id": 1, "keypoints": [5, 6, 2, 0, 0, 0]}  # a car to the data set
        name = write_json(root, content)
        with pytest.raises(InputError, match=complaint):
            read(root, tmp_path, keypoints=name)
        found = read(root, tmp_path, keypoints=name, skip_bad=True)
        assert found.instances[0].keypoints == ()
        assert found.counts["bad_items"] == 1


def test_a_file_of_photographs_at_another_scale_is_refused(root, tmp_path):
    """Its keypoints would lie anywhere."""
    content = coco_keypoints()
    content["images"][0] |= {"width": 80, "height": 60}
    content["annotations"] = content["annotations"][:1]
    content["annotations"][0]["segmentation"] = [[8.0, 10, 24, 10, 24, 30, 8, 30]]
    with pytest.raises(InputError, match="80 x 60 pixels, but its photograph is 40 x 30"):
        read(root, tmp_path, keypoints=write_json(root, content))


def test_sources_that_do_not_fit_the_data_set_are_refused(root, tmp_path):
    for keypoints, complaint in (
        (lambda: write_xml(root, xml_keypoints(category="unicorn")), "keypoints of unicorn, but the .* are aeroplane"),
        (lambda: write_xml(root, xml_keypoints(image="fourth")), "none of the images"),
        (lambda: "nowhere.json", r"nowhere\.json does not exist"),
        (lambda: "../points", "stays inside"),
        (lambda: write_json(root, layouts.coco_content()), "no category with keypoints"),
    ):
        with pytest.raises(InputError, match=complaint):
            read(root, tmp_path, keypoints=keypoints())
    (root / "empty").mkdir()
    with pytest.raises(InputError, match="no xml file"):
        read(root, tmp_path, keypoints="empty")
