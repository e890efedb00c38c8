"""COCO exports of annotation tools, written field by field as each tool writes them, give what was drawn.

Sources: the exporters of label-studio-sdk, sahi (labelme2coco), Labelme, VIA 2 and 3 and FiftyOne, and the
documentation of Roboflow. CVAT has its own file, `test_cvat_exports.py`.
"""

import numpy as np
import pytest

from hypercolumns.annotations import masks
from hypercolumns.annotations.usable import check_usable
from hypercolumns.errors import InputError
from hypercolumns.parameters import DatasetParameters
from tests.annotations import drawings
from tests.annotations.drawings import (
    CATEGORIES,
    CORNERS,
    HEIGHT,
    SCENES,
    TRAIN,
    VAL,
    WIDTH,
    coco,
    drawn,
    found,
    read,
    run_lengths,
    write,
)

# Label Studio, "COCO": result.json and images/


def label_studio(**fields) -> dict:
    """Content of result.json; all ids count from 0."""
    content = coco(first_id=0, **fields)
    for image in content["images"]:
        image["file_name"] = f"images/1a2b3c4d-{image['file_name']}"
    for annotation in content["annotations"]:
        annotation["ignore"] = 0
    info = {"year": 2025, "version": "1.0", "contributor": "Label Studio", "date_created": "2025-03-01 10:00:00.0"}
    return content | {"info": info}


@pytest.mark.parametrize("images", [".", "images"])
def test_label_studio_polygons_and_rectangles(tmp_path, images):
    """File names are relative to result.json, so that the folder is `.`; `images` is understood, too."""
    drawings.draw_all(tmp_path / "images", "1a2b3c4d-")
    content = label_studio()
    content["annotations"][0]["segmentation"] = []
    write(tmp_path / "result.json", content)
    sets = read(tmp_path, train="result.json", images=images, val_share=0.5)
    assert found(*sets.values()) == drawn("images/" if images == "." else "", "1a2b3c4d-")
    assert sum(not i.has_mask for s in sets.values() for i in s.instances) == 1


@pytest.mark.parametrize(
    "spelling",
    [
        "images\\1a2b3c4d-{}",
        "..\\..\\label-studio\\label-studio\\media\\upload\\4\\1a2b3c4d-{}",
        "/data/upload/4/1a2b3c4d-{}",
        "/data/local-files/?d=photos%2F{}",
        "/data/local-files/?d=photos\\{}",
        "s3://bucket/photos/{}",
        "https://example.org/photos/{}?X-Amz-Signature=0123&d=1",
    ],
)
def test_label_studio_names_of_photographs_that_stayed_where_they_were(tmp_path, spelling):
    """Without the photographs, the export names uploads, local files or addresses, and may lack their sizes."""
    drawings.draw_all(tmp_path / "photos")
    content = label_studio()
    for image, name in zip(content["images"], SCENES, strict=True):
        image |= {"file_name": spelling.format(name), "width": None, "height": None}
    write(tmp_path / "result.json", content)
    sets = read(tmp_path, train="result.json", images="photos", val_share=0.5)
    assert found(*sets.values()) == drawn()


def test_label_studio_keypoints(tmp_path):
    """Keypoints belong to the category "default", with the box around the labelled ones."""
    drawings.draw_all(tmp_path / "images", "1a2b3c4d-")
    content = label_studio(category_id=lambda _: 0, keypoints=lambda s: s.keypoints, num_keypoints=lambda _: 4)
    for annotation in content["annotations"]:
        del annotation["segmentation"], annotation["area"]
    content["categories"] = [
        {"id": 0, "name": "default", "supercategory": "default", "keypoints": list(CORNERS), "skeleton": []}
    ]
    write(tmp_path / "result.json", content)
    sets = read(tmp_path, ["keypoints"], train="result.json", images=".", val_share=0.5)
    expected = {
        name: [("default", *values) for _, *values in objects]
        for name, objects in drawn("images/", "1a2b3c4d-").items()
    }
    assert found(*sets.values()) == expected
    keypoints = [list(i.keypoints) for s in sets.values() for i in s.instances]
    assert sorted(keypoints) == sorted(s.keypoints for squares in SCENES.values() for s in squares)


def test_a_photograph_that_two_people_annotated_in_label_studio_is_named(tmp_path):
    """Label Studio lists it twice, and its objects would count twice."""
    drawings.draw_all(tmp_path / "images", "1a2b3c4d-")
    content = label_studio()
    content["images"].append(content["images"][1] | {"id": 6})
    write(tmp_path / "result.json", content)
    with pytest.raises(InputError, match=r"-train02\.jpg' twice, for the images 1 and 6\. If two people annotated it"):
        read(tmp_path, train="result.json", images=".", val_share=0.5)


# Roboflow, "COCO" and "COCO Segmentation": <split>/_annotations.coco.json beside the photographs


def roboflow(root, split, names, project="shapes", **fields) -> None:
    """Write a split; category 0 is the project, the others have it as their supercategory."""
    content = coco(names, first_id=0, **fields)
    for image in content["images"]:
        name = image["file_name"]
        drawings.draw(root / split / roboflow_name(name), SCENES[name])
        image |= {"license": 1, "file_name": roboflow_name(name), "date_captured": "2025-03-01T10:00:00+00:00"}
        image["extra"] = {"name": name}
    for annotation in content["annotations"]:
        annotation["category_id"] += 1
    categories = [{"id": i, "name": name, "supercategory": project} for i, name in enumerate(CATEGORIES, 1)]
    content["categories"] = [{"id": 0, "name": project, "supercategory": "none"}, *categories]
    licenses = [{"id": 1, "url": "https://creativecommons.org/licenses/by/4.0/", "name": "CC BY 4.0"}]
    info = {"year": "2025", "version": "3", "description": "Exported from roboflow.com", "contributor": ""}
    write(root / split / "_annotations.coco.json", {"info": info, "licenses": licenses} | content)


def roboflow_name(name: str) -> str:
    """The file name of a photograph in an export."""
    return f"{name.replace('.', '_')}.rf.{'0123456789abcdef' * 2}.jpg"


ROBOFLOW = {
    "train": "train/_annotations.coco.json",
    "val": "valid/_annotations.coco.json",
    "images": "train",
    "val_images": "valid",
}


@pytest.mark.parametrize("project", ["shapes", "dog"])
def test_roboflow(tmp_path, project):
    """The annotation files lie among the photographs; the project is not a category, whatever its name."""
    roboflow(tmp_path, "train", TRAIN, project)
    roboflow(tmp_path, "valid", VAL, project)
    sets = read(tmp_path, **ROBOFLOW)
    expected = drawn()
    assert found(sets["train"]) == {roboflow_name(name): expected[name] for name in TRAIN}
    assert found(sets["val"]) == {roboflow_name(name): expected[name] for name in VAL}
    assert [(c.id, c.name) for c in sets["train"].categories] == [(1, "car"), (2, "dog")]
    assert sets["train"].counts == {"unused_categories": 1}


def test_roboflow_folder_in_place_of_the_file(tmp_path):
    """`train: train` is the likely mistake; the message names the file."""
    roboflow(tmp_path, "train", TRAIN)
    with pytest.raises(InputError, match=r"/train is a folder; name a file, such as _annotations\.coco\.json in it"):
        read(tmp_path, **ROBOFLOW | {"train": "train"})


# labelme2coco: dataset.json, or train.json and val.json


def test_labelme2coco(tmp_path):
    """File names begin with the folder given to the tool; rectangles have no segmentation; sizes are integers."""
    drawings.draw_all(tmp_path / "photos")
    for split, names in (("train", TRAIN), ("val", VAL)):
        content = coco(names)
        for image in content["images"]:
            image["file_name"] = f"data/labelme/photos/{image['file_name']}"
        content["annotations"][0]["segmentation"] = []
        content["categories"] = [{"id": i, "name": name, "supercategory": name} for i, name in enumerate(CATEGORIES)]
        for annotation in content["annotations"]:
            annotation["category_id"] -= 1
        write(tmp_path / f"{split}.json", content)
    sets = read(tmp_path, train="train.json", val="val.json", images="photos")
    assert found(sets["train"]) == drawn(names=TRAIN)
    assert found(sets["val"]) == drawn(names=VAL)
    assert [i.has_mask for i in sets["train"].instances] == [False, True, True, True, True]


@pytest.mark.parametrize("separator", ["/", "\\"])
def test_the_converter_that_comes_with_labelme(tmp_path, separator):
    """It writes null for what it does not know, and the two corners of a rectangle as a polygon."""
    drawings.draw_all(tmp_path / "JPEGImages")
    content = coco(first_id=0)
    for image in content["images"]:
        image |= {"license": 0, "url": None, "date_captured": None}
        image["file_name"] = f"JPEGImages{separator}{image['file_name']}"
    rectangle, first = content["annotations"][0], SCENES["train01.jpg"][0]
    rectangle["segmentation"] = [[*first.corners[0], *first.corners[2]]]
    for category in content["categories"]:
        category["supercategory"] = None
    info = dict.fromkeys(("description", "url", "version", "contributor"))
    content |= {"info": info, "licenses": [{"url": None, "id": 0, "name": None}], "type": "instances"}
    write(tmp_path / "annotations.json", content)
    sets = read(tmp_path, train="annotations.json", images=".", val_share=0.5)
    assert found(*sets.values()) == drawn("JPEGImages/")
    assert sum(not i.has_mask for s in sets.values() for i in s.instances) == 1


# VGG Image Annotator 2 and 3, "Export Annotations (COCO format)"


def via(**fields) -> dict:
    """Content of an export of VIA 2, whose polygons are flat lists in older versions."""
    content = coco(**fields)
    for image in content["images"]:
        url = image["file_name"]
        image |= {"license": 0, "flickr_url": url, "coco_url": url, "date_captured": ""}
    for category in content["categories"]:
        category["supercategory"] = "type"
    return {"info": {"year": 2025, "version": "1.0"}, "licenses": [{"id": 0, "name": "Unknown License"}]} | content


@pytest.mark.parametrize("is_flat", [True, False])
def test_via(tmp_path, is_flat):
    """Regions of all shapes are polygons; points, which have neither mask nor box, are left out and counted."""
    drawings.draw_all(tmp_path / "photos")
    content = via(segmentation=lambda s: s.polygon if is_flat else [s.polygon])
    point = {"segmentation": [[]], "area": [], "bbox": [], "iscrowd": 0, "keypoints": [9, 9, 2], "num_keypoints": 1}
    content["annotations"].append(point | {"id": 9, "image_id": 1, "category_id": 1})
    write(tmp_path / "via_coco.json", content)
    sets = read(tmp_path, train="via_coco.json", images="photos", val_share=0.5)
    assert found(*sets.values()) == drawn()
    assert sum(s.counts.get("objects_without_mask_or_box", 0) for s in sets.values()) == 1


def test_via_options_without_numbers(tmp_path):
    """Category ids are null then: one category can still be read, two cannot be told apart."""
    drawings.draw_all(tmp_path / "photos")
    content = via(category_id=None)
    content["categories"] = [{"supercategory": "type", "id": None, "name": "square"}]
    write(tmp_path / "via_coco.json", content)
    sets = read(tmp_path, train="via_coco.json", images="photos", val_share=0.5)
    assert {c.name for s in sets.values() for c in s.categories} == {"square"}
    assert sum(len(s.instances) for s in sets.values()) == 8
    content["categories"].append({"supercategory": "type", "id": None, "name": "circle"})
    write(tmp_path / "via_coco.json", content)
    with pytest.raises(InputError, match=r"id null twice, for 'square' and 'circle'; give each category an id"):
        read(tmp_path, train="via_coco.json", images="photos", val_share=0.5)


def test_via_photographs_whose_names_begin_with_the_same_digits(tmp_path):
    """VIA numbers them alike, so that annotations could belong to any of them."""
    drawings.draw_all(tmp_path / "photos")
    content = via(image_id=lambda _: 2025)
    for image in content["images"]:
        image["id"] = 2025
    write(tmp_path / "via_coco.json", content)
    with pytest.raises(InputError, match=r"image id 2025 twice, for train01\.jpg and train02\.jpg; give each image an"):
        read(tmp_path, train="via_coco.json", images="photos", val_share=0.5)


def test_via_3(tmp_path):
    """Sizes are -1, `iscrowd` is false, and the boxes of polygons are null."""
    drawings.draw_all(tmp_path / "photos")
    content = via(
        segmentation=lambda s: s.polygon, bbox=lambda _: [None] * 4, area=lambda _: None, iscrowd=lambda _: False
    )
    for image in content["images"]:
        image |= {"width": -1, "height": -1}
    write(tmp_path / "coco.json", content)
    sets = read(tmp_path, train="coco.json", images="photos", val_share=0.5)
    assert found(*sets.values()) == drawn()
    assert {(i.width, i.height) for s in sets.values() for i in s.images} == {(WIDTH, HEIGHT)}


# FiftyOne, COCODetectionDataset: labels.json and data/


def fiftyone(**fields) -> dict:
    """Content of labels.json; category ids count from 0, and attributes of objects are fields of theirs."""
    content = coco(**fields)
    for image in content["images"]:
        image |= {"license": None, "coco_url": None}
    for annotation in content["annotations"]:
        annotation["category_id"] -= 1
        annotation |= {"score": 0.9, "supercategory": "thing", "difficult": "0", "Pose": "Unspecified"}
    content["categories"] = [{"id": i, "name": name, "supercategory": None} for i, name in enumerate(CATEGORIES)]
    return {"info": {"year": "", "description": "Exported from FiftyOne"}, "licenses": []} | content


@pytest.mark.parametrize("folder", ["", "/home/ann/export/data/", "D:\\export\\data\\"])
def test_fiftyone(tmp_path, folder):
    """Crowds have run-length codes; with `abs_paths`, names begin with folders, perhaps of another computer."""
    drawings.draw_all(tmp_path / "data")
    content = fiftyone()
    for image in content["images"]:
        image["file_name"] = folder + image["file_name"]
    square = SCENES["train01.jpg"][0]
    content["annotations"][0] |= {"iscrowd": 1, "segmentation": run_lengths(square.mask)}
    write(tmp_path / "labels.json", content)
    sets = read(tmp_path, train="labels.json", images="data", val_share=0.5)
    assert found(*sets.values()) == drawn()
    crowds = [i for s in sets.values() for i in s.instances if i.crowd]
    assert [i.box for i in crowds] == [(*square.corners[0], *square.corners[2])]
    np.testing.assert_array_equal(masks.decode(crowds[0].segmentation), square.mask)


def test_fiftyone_keypoints_alone_are_refused(tmp_path):
    """They have neither a box nor names; the first stage says so."""
    drawings.draw_all(tmp_path / "data")
    content = fiftyone(keypoints=lambda s: s.keypoints, num_keypoints=lambda _: 4)
    for annotation in content["annotations"]:
        del annotation["bbox"], annotation["segmentation"], annotation["area"]
    write(tmp_path / "labels.json", content)
    sets = read(tmp_path, ["keypoints"], train="labels.json", images="data", val_share=0.5)
    with pytest.raises(InputError, match=r"without mask or box are left out; annotate a segmentation or a bbox"):
        check_usable(sets["train"], sets["val"], DatasetParameters(format="coco"))
