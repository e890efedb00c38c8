"""Files that are not COCO annotations are refused with the name of the file and the export to choose instead."""

import json

import pytest

from hypercolumns.errors import InputError
from tests.annotations import drawings
from tests.annotations.drawings import HEIGHT, WIDTH, coco, read

REGION = {
    "shape_attributes": {"name": "rect", "x": 5, "y": 6, "width": 20, "height": 20},
    "region_attributes": {"type": "car"},
}
VIA_REGIONS = {"train01.jpg9000": {"filename": "train01.jpg", "size": 9000, "regions": [REGION], "file_attributes": {}}}
LABEL_STUDIO_VALUE = {"x": 5.2, "y": 9.4, "width": 20.8, "height": 31.2, "rotation": 0, "rectanglelabels": ["car"]}
DETECTION = {"image_id": 1, "category_id": 1, "bbox": [5, 6, 20, 20], "score": 0.9}


def other_annotations(fields: dict) -> dict:
    """A COCO file whose annotations are not objects."""
    return coco() | {"annotations": [{"id": 1, "image_id": 1} | fields]}


JSON = {
    "CVAT, Datumaro 1.0": (
        {
            "dm_format_version": "1.0",
            "infos": {},
            "categories": {"label": {"labels": [{"name": "car", "parent": "", "attributes": []}]}},
            "items": [{"id": "train01", "annotations": [{"id": 0, "type": "bbox", "bbox": [5, 6, 20, 20]}]}],
        },
        "from CVAT, export COCO 1.0",
    ),
    "Label Studio, JSON": (
        [
            {
                "id": 1,
                "annotations": [{"id": 1, "completed_by": 1, "result": [{"value": LABEL_STUDIO_VALUE}]}],
                "data": {"image": "/data/upload/1/1a2b3c4d-train01.jpg"},
            }
        ],
        "Label Studio in its own format: choose COCO",
    ),
    "Label Studio, JSON-MIN": (
        [
            {
                "image": "/data/upload/1/1a2b3c4d-train01.jpg",
                "id": 1,
                "label": [LABEL_STUDIO_VALUE | {"original_width": WIDTH, "original_height": HEIGHT}],
                "annotator": 1,
                "annotation_id": 1,
            }
        ],
        "Label Studio in its own format: choose COCO",
    ),
    "Labelme": (
        {
            "version": "5.4.1",
            "flags": {},
            "shapes": [{"label": "car", "points": [[5, 6], [25, 26]], "group_id": None, "shape_type": "rectangle"}],
            "imagePath": "train01.jpg",
            "imageData": None,
        },
        "Labelme, one photograph per file: join them with labelme2coco",
    ),
    "VIA 2, project": (
        {"_via_settings": {}, "_via_img_metadata": VIA_REGIONS, "_via_attributes": {}},
        "choose Annotation > Export Annotations (COCO format)",
    ),
    "VIA 2, annotations as JSON": (VIA_REGIONS, "choose Annotation > Export Annotations (COCO format)"),
    "VIA 3, project": (
        {"project": {"pid": "x"}, "config": {}, "attribute": {}, "file": {}, "metadata": {}, "view": {}},
        "VGG Image Annotator 3: export it as COCO",
    ),
    "FiftyOneDataset": (
        {"samples": [{"filepath": "data/train01.jpg", "ground_truth": {"_cls": "Detections", "detections": []}}]},
        "export it as fiftyone.types.COCODetectionDataset",
    ),
    "FiftyOneImageDetectionDataset": (
        {"classes": ["car"], "labels": {"train01": [{"label": 0, "bounding_box": [0.05, 0.09, 0.2, 0.3]}]}},
        "export it as fiftyone.types.COCODetectionDataset",
    ),
    "COCO panoptic": (
        other_annotations({"file_name": "train01.png", "segments_info": [{"id": 9, "category_id": 1, "area": 400}]}),
        "name the file of instances",
    ),
    "COCO captions": (other_annotations({"caption": "a red car"}), "name the file of instances or keypoints"),
    "COCO results": ([DETECTION], "belongs in detection.file"),
    "an empty list": ([], "annotation tools call this export COCO"),
    "something else": ({"objects": 3}, "annotation tools call this export COCO"),
}

FILES = {
    "annotations.xml": (
        b'\xef\xbb\xbf<?xml version="1.0" encoding="utf-8"?>\n<annotations><version>1.1</version></annotations>',
        "From CVAT, export COCO 1.0",
    ),
    "train01.xml": (b"<annotation><filename>train01.jpg</filename></annotation>", "set dataset.format to voc"),
    "export.zip": (b"PK\x03\x04\x14\x00\x00\x00\x08\x00rest of the archive", "unpack it and name the JSON file in it"),
    "train01.txt": (b"0 0.156 0.25 0.208 0.3125\n", "annotation tools call this export COCO"),
    "data.yaml": (b"train: images/train\nnames: [car, dog]\n", "annotation tools call this export COCO"),
    "validation-annotations-bbox.csv": (
        b"ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax\n0001eeaf,xclick,/m/0k4j,1,0.05,0.26,0.09,0.4\n",
        "annotation tools call this export COCO",
    ),
    "empty.json": (b"", "annotation tools call this export COCO"),
}


def refusal(root, name) -> str:
    """The message about the annotation file `name`, which `skip_bad` does not change."""
    drawings.draw_all(root / "photos")
    messages = set()
    for skip_bad in (False, True):
        with pytest.raises(InputError) as caught:
            read(root, train=name, val=name, images="photos", skip_bad=skip_bad)
        messages.add(str(caught.value))
    (message,) = messages
    assert str(root / name) in message
    assert "\n" not in message
    return message


@pytest.mark.parametrize("kind", JSON)
def test_json_of_another_kind(tmp_path, kind):
    """The tool is recognised by the keys of its files."""
    content, cure = JSON[kind]
    (tmp_path / "train.json").write_text(json.dumps(content))
    assert cure in refusal(tmp_path, "train.json")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_the_encoding_does_not_hide_the_tool(tmp_path, encoding):
    """Windows programs save with a byte order mark or in UTF-16."""
    content, cure = JSON["Label Studio, JSON"]
    (tmp_path / "train.json").write_text(json.dumps(content), encoding=encoding)
    assert cure in refusal(tmp_path, "train.json")


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_not_json(tmp_path, name):
    """XML, archives, tables and lists are refused with what to name instead."""
    content, cure = FILES[name]
    (tmp_path / name).write_bytes(content)
    assert cure in refusal(tmp_path, name)


def test_a_folder_of_files_per_photograph(tmp_path):
    """YOLO and PASCAL VOC have folders of annotations, which are refused as such."""
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/train01.txt").write_text("0 0.156 0.25 0.208 0.3125\n")
    drawings.draw_all(tmp_path / "photos")
    with pytest.raises(InputError, match=r"/labels is a folder; name a JSON file with images.*this export COCO"):
        read(tmp_path, train="labels", val="labels", images="photos")


def test_letters_in_another_encoding(tmp_path):
    """Names in a code page of Windows would be wrong letters in UTF-8."""
    content = coco()
    content["categories"][0]["name"] = "chauffé"
    (tmp_path / "train.json").write_text(json.dumps(content, ensure_ascii=False), encoding="cp1252")
    assert "save the file in UTF-8" in refusal(tmp_path, "train.json")
