"""Every reader treats malformed items alike: one error that names file and object, or left out and counted."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from hypercolumns.annotations import readers
from hypercolumns.errors import InputError
from hypercolumns.parameters import DatasetParameters
from tests.annotations import annotation_layouts as layouts
from tests.annotations.reading import read_split

NAN = float("nan")
COCO = {"format": "coco", "train": "train.json", "val": "val.json", "images": "photographs"}


@dataclass(frozen=True)
class DataSet:
    """A tiny data set, of which `write(root, change)` damages the first person or one of its parts or keypoints."""

    settings: dict
    write: Callable
    intact: tuple
    """Numbers of instances, parts and instances with keypoints if nothing is damaged."""
    reduced: tuple
    """The same if the damaged item is left out."""


def _voc(root, change):
    change(layouts.make_voc(root))


def _sbd(root, change):
    layouts.make_sbd(root)
    content = {"Segmentation": layouts.numbers("first").astype(float), "Categories": np.array([15.0, 7.0])}
    change(content)
    savemat(root / "inst/first.mat", {"GTinst": content}, do_compression=True)


def _coco_content(change):
    """Persons have a nose; the last instance is one too, so that keypoints remain if the first is left out."""
    content = layouts.coco_content()
    content["categories"][1] |= {"keypoints": ["nose"], "parts": ["head", "leg"]}
    content["annotations"][0]["keypoints"] = [5, 6, 2]
    content["annotations"][2] |= {"category_id": layouts.PERSON, "keypoints": [5, 6, 2]}
    change(content["annotations"][0])
    return content


def _coco(root, change):
    layouts.make_coco(root, _coco_content(change))


def _pascal_part(root, change):
    layouts.make_pascal_part(root)
    objects = layouts.pascal_part_objects("first")
    change(objects[0])
    layouts.write_pascal_part(root / "Annotations_Part/first.mat", objects)


def _pascal_part_part(root, change):
    _pascal_part(root, lambda item: change(item["parts"][2]))


def _keypoints_coco(root, change):
    layouts.make_voc(root)
    (root / "points.json").write_text(json.dumps(_coco_content(change)))


XML = (
    "<annotation><image>{image}</image><category>person</category>"
    '<visible_bounds xmin="4" ymin="5" width="8" height="10"/>'
    '<keypoints><keypoint name="Nose" visible="1" x="7" y="9"/><keypoint name="Chin" visible="1" x="7" y="8"/>'
    "</keypoints></annotation>"
)


def _keypoints_voc(root, change):
    layouts.make_voc(root)
    (root / "points").mkdir()
    (root / "points/first_1.xml").write_text(change(XML.format(image="first")))
    (root / "points/second_1.xml").write_text(XML.format(image="second"))


DATA_SETS = {
    "voc": DataSet({"format": "voc"}, _voc, (3, 0, 0), (1, 0, 0)),
    "sbd": DataSet({"format": "sbd"}, _sbd, (3, 0, 0), (1, 0, 0)),
    "coco": DataSet(COCO, _coco, (3, 0, 2), (2, 0, 1)),
    "coco_parts": DataSet(COCO | {"parts_of": "car"}, _coco, (2, 3, 0), (2, 2, 0)),
    "pascal_part": DataSet({"format": "pascal_part"}, _pascal_part, (3, 3, 0), (2, 0, 0)),
    "pascal_part, part": DataSet({"format": "pascal_part"}, _pascal_part_part, (3, 3, 0), (3, 2, 0)),
    "keypoints_coco": DataSet({"format": "voc", "keypoints": "points.json"}, _keypoints_coco, (3, 0, 1), (3, 0, 0)),
    "keypoints_voc": DataSet({"format": "voc", "keypoints": "points"}, _keypoints_voc, (3, 0, 1), (3, 0, 0)),
}


def put(key, value):
    """A change that sets a field."""
    return lambda item: item.__setitem__(key, value)


def drop(key):
    """A change that removes a field."""
    return lambda item: item.pop(key)


def swap(old, new):
    """A change that replaces the first occurrence of a text."""
    return lambda content: content.replace(old, new, 1)


def remove(name):
    """A change that removes a file."""
    return lambda root: (root / name).unlink()


def relabel_image(kind, labels):
    """A change that overwrites the first object or class mask of a VOC folder, with an array or a value for all."""

    def change(root):
        array = np.broadcast_to(labels, (30, 40)) if np.ndim(labels) == 0 else labels
        Image.fromarray(array.astype(np.uint16)).save(root / f"Segmentation{kind}" / "first.png")

    return change


def relabel(value):
    """A change that gives the first object another number in an SBD label map."""
    numbers = layouts.numbers("first").astype(float)
    return put("Segmentation", np.where(numbers == 1, value, numbers))


def coco_cases(reader, file):
    """Cases of a damaged annotation in a COCO file."""
    where = rf"{file}: annotation 100"
    runs = {"size": [30, 40], "counts": [-5, 1205]}
    return [
        (reader, "missing field", drop("image_id"), rf"{where}: the entry has no 'image_id'"),
        (reader, "wrong type", put("category_id", [7]), rf"{where}: category_id must be int or float or str or null"),
        (reader, "wrong type", put("segmentation", 3), rf"{where}: its segmentation is neither"),
        (reader, "NaN", put("segmentation", [[1.0, NAN, 9, 9, 1, 9]]), rf"{where}: its segmentation is neither"),
        (reader, "negative", put("segmentation", runs), rf"{where} has runs of 1200 pixels, some negative"),
        (reader, "unknown category", put("category_id", 99), rf"{where} has category 99"),
        (reader, "unknown image", put("image_id", 99), rf"{where} belongs to image 99"),
    ]


def mask_cases(reader, what):
    """Cases of a damaged mask in a PASCAL-Part file."""
    where = rf"first\.mat: object 1.*{what}"
    return [
        # An item of a MATLAB struct array has all fields of the others; a missing one is empty.
        (reader, "missing field", drop("mask"), rf"{where}.*not a \(height, width\) array of numbers"),
        (reader, "wrong type", put("mask", "text"), rf"{where}.*not a \(height, width\) array of numbers"),
        (reader, "wrong type", put("mask", {"a": 1}), rf"{where}.*not a \(height, width\) array of numbers"),
        (reader, "NaN", put("mask", np.full((30, 40), NAN)), rf"{where}.*other than 0 and 1"),
        (reader, "negative", put("mask", np.full((30, 40), -1)), rf"{where}.*other than 0 and 1"),
    ]


CASES = [
    ("voc", "missing file", remove("SegmentationObject/first.png"), r"SegmentationObject has no mask 'first'"),
    ("voc", "wrong type", relabel_image("Object", 300), r"Object/first\.png holds the value 300"),
    (
        "voc",
        "wrong size",
        relabel_image("Class", np.ones((30, 3))),
        r"40 x 30 pixels, but .*Class/first\.png is 3 x 30",
    ),
    ("voc", "unknown category", relabel_image("Class", 21), r"Class/first\.png holds the value 21"),
    ("voc", "void only", relabel_image("Object", 255), r"Object/first\.png holds only 0 and 255"),
    ("sbd", "missing field", drop("Categories"), r"first\.mat.*no field 'Categories'"),
    ("sbd", "missing field", put("Categories", np.array([15.0])), r"first\.mat has the object 2 .* only 1 categories"),
    ("sbd", "wrong type", put("Categories", "person"), r"first\.mat.*Categories are not numbers"),
    ("sbd", "wrong type", put("Segmentation", "text"), r"first\.mat.*Segmentation are not numbers"),
    ("sbd", "NaN", put("Categories", np.array([NAN, 7])), r"first\.mat: object 1 has the category nan"),
    ("sbd", "NaN", relabel(NAN), r"first\.mat.*other than the numbers 0 to 255"),
    ("sbd", "negative", relabel(-1), r"first\.mat.*other than the numbers 0 to 255"),
    ("sbd", "negative", put("Categories", np.array([-15.0, 7])), r"first\.mat: object 1 has the category -15"),
    ("sbd", "unknown category", put("Categories", np.array([21.0, 7])), r"first\.mat: object 1 has the category 21"),
    *coco_cases("coco", r"train\.json"),
    ("coco", "duplicate id", put("id", 102), r"train\.json has the annotation id 102 twice"),
    *coco_cases("coco_parts", r"train\.json"),
    *mask_cases("pascal_part", ""),
    ("pascal_part", "missing field", drop("class"), r"first\.mat: object 1 has the category "),
    ("pascal_part", "wrong type", put("class", 3.0), r"first\.mat: object 1 has the category 3"),
    ("pascal_part", "unknown category", put("class", "unicorn"), r"first\.mat: object 1 has the category 'unicorn'"),
    *mask_cases("pascal_part, part", "part 'ruleg'"),
    ("pascal_part, part", "missing field", put("part_name", ""), r"first\.mat: object 1 .* unknown part"),
    ("pascal_part, part", "wrong type", put("part_name", np.ones(3)), r"first\.mat: object 1 .* unknown part"),
    ("pascal_part, part", "unknown part", put("part_name", "wing"), r"first\.mat: object 1 .* unknown part 'wing'"),
    ("pascal_part, part", "duplicate", put("part_name", "head"), r"first\.mat: object 1 .* part 'head' twice"),
    *coco_cases("keypoints_coco", r"points\.json"),
    ("keypoints_voc", "missing field", swap(' x="7"', ""), r"first_1\.xml: x of 'Nose' is None"),
    ("keypoints_voc", "missing field", swap("<image>first</image>", ""), r"first_1\.xml has no image"),
    ("keypoints_voc", "wrong type", swap('visible="1"', 'visible="yes"'), r"first_1\.xml: visible of 'Nose' is 'yes'"),
    ("keypoints_voc", "NaN", swap('y="9"', 'y="nan"'), r"first_1\.xml: y of 'Nose' is 'nan'"),
    ("keypoints_voc", "NaN", swap('width="8"', 'width="inf"'), r"first_1\.xml: width of 'visible_bounds' is 'inf'"),
    (
        "keypoints_voc",
        "negative",
        swap('y="9"', 'y="-9"'),
        r"first_1\.xml has a visible keypoint at \(7, -9\), outside",
    ),
    ("keypoints_voc", "negative", swap('width="8"', 'width="-8"'), r"first_1\.xml has visible_bounds of -8 x 10"),
    ("keypoints_voc", "duplicate", swap('"Chin"', '"Nose"'), r"first_1\.xml has the keypoint 'Nose' twice"),
]


def read_counts(root, data_set, **changes):
    """Instances, parts and instances with keypoints of the train split, and the number of bad items."""
    settings = DatasetParameters.model_validate({"root": str(root)} | data_set.settings | changes)
    found = readers.rename(readers.read_splits(settings, ["segmentation", "keypoints", "parts"])["train"], settings)
    parts = sum(len(i.parts) for i in found.instances)
    bad = sum(count for reason, count in found.counts.items() if reason.startswith("malformed"))
    return (len(found.instances), parts, sum(any(i.keypoints) for i in found.instances)), bad


@pytest.mark.parametrize("reader", DATA_SETS)
def test_an_undamaged_data_set_is_read_completely(tmp_path, reader):
    """Without damage, every reader reads everything and counts no bad item."""
    data_set = DATA_SETS[reader]
    data_set.write(tmp_path / "data", lambda item: item)
    assert read_counts(tmp_path / "data", data_set) == (data_set.intact, 0)


@pytest.mark.parametrize(("reader", "kind", "change", "complaint"), CASES, ids=[f"{r}: {k}" for r, k, *_ in CASES])
def test_a_malformed_item_is_named_or_left_out_alone(tmp_path, reader, kind, change, complaint):
    """Damage to an item raises an error of one paragraph, or costs that item only."""
    data_set = DATA_SETS[reader]
    data_set.write(tmp_path / "data", change)
    with pytest.raises(InputError, match=complaint) as error:
        read_counts(tmp_path / "data", data_set)
    assert "\n" not in str(error.value), kind
    assert read_counts(tmp_path / "data", data_set, skip_bad=True) == (data_set.reduced, 1)


def test_unlabelled_keypoints_may_lie_anywhere(tmp_path):
    """Some files keep unlabelled keypoints at -1, -1."""
    _coco(tmp_path / "data", put("keypoints", [-1, -1, 0]))
    assert read_counts(tmp_path / "data", DATA_SETS["coco"])[1] == 0


@pytest.mark.parametrize(("reader", "file"), [("keypoints_voc", "points/first_1.xml")])
@pytest.mark.parametrize(
    "content",
    ["", "\0", "<a", '<?xml version="1.0" encoding="klingon"?><a/>', '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'],
)
def test_a_file_that_is_not_xml_is_named_or_left_out_alone(tmp_path, reader, file, content):
    """Empty, broken and wrongly encoded files, and files with entities, are refused by name or left out."""
    data_set = DATA_SETS[reader]
    data_set.write(tmp_path / "data", lambda item: item)
    (tmp_path / "data" / file).write_text(content)
    with pytest.raises(InputError, match=rf"{file} is not an XML file of keypoints: "):
        read_counts(tmp_path / "data", data_set)
    assert read_counts(tmp_path / "data", data_set, skip_bad=True) == (data_set.reduced, 1)


@pytest.mark.parametrize(
    ("change", "complaint", "reason", "task"),
    [
        ({"keypoints": ["nose", "nose"]}, "keypoint of person 'nose' twice", "malformed_keypoint_lists", "keypoints"),
        ({"keypoints": "nose"}, "keypoints of person: .* array, not str", "malformed_keypoint_lists", "keypoints"),
        ({"parts": ["head", "head"]}, "part of person 'head' twice", "malformed_part_lists", "parts"),
    ],
)
def test_a_malformed_list_of_names_is_refused_only_by_the_task_that_needs_it(tmp_path, change, complaint, reason, task):
    """Keypoints and parts of a category mean nothing to the other tasks."""
    content = _coco_content(lambda item: item)
    content["categories"][1] |= change
    settings = DatasetParameters(root=str(layouts.make_coco(tmp_path / "data", content)), **COCO)
    with pytest.raises(InputError, match=rf"train\.json.*{complaint}"):
        read_split(settings, tasks=[task])
    found = read_split(settings, tasks=["segmentation"])
    assert (len(found.instances), found.counts[reason]) == (3, 1)


@pytest.mark.parametrize("skeleton", [[[1, 2]], [[-1, 1]], [[1]], "nose", [["nose", "nose"]]])
def test_a_malformed_skeleton_never_stops_a_run(tmp_path, skeleton):
    """Only pictures show it."""
    content = _coco_content(lambda item: item)
    content["categories"][1]["skeleton"] = skeleton
    found = read_split(DatasetParameters(root=str(layouts.make_coco(tmp_path / "data", content)), **COCO))
    assert found.category_by_id[layouts.PERSON].skeleton == ()
    assert found.counts["malformed_skeletons"] == 1
    assert any(found.instances[0].keypoints)
