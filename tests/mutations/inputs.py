"""Tiny valid inputs of every reader: two photographs in train and one in val, and all that their format can say."""

import io
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.io import savemat

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category
from hypercolumns.annotations.model import Image as AnnotatedImage
from hypercolumns.parameters import Parameters
from tests.annotations import annotation_layouts as layouts
from tests.annotations.pictures import colours, save

DAMAGED, TRAIN, VAL = "first", "second", "third"
"""Stems of the photographs; mutations are those of files that belong to the first one or to all."""

VOC_OBJECT = layouts.xml_object("car", (11, 11, 30, 25), difficult=1)
VOC_XML = "<annotation><filename>first.jpg</filename>{}{}</annotation>".format(
    layouts.xml_object("person", (5, 6, 12, 15)), VOC_OBJECT
)
KEYPOINT = '<keypoint name="Nose" visible="1" x="7" y="9"/>'
KEYPOINTS_XML = (
    "<annotation><image>first</image><category>person</category>"
    '<visible_bounds xmin="4" ymin="5" width="8" height="10"/>'
    f'<keypoints>{KEYPOINT}<keypoint name="Chin" visible="0" x="8" y="10"/></keypoints></annotation>'
)


def coco_content() -> dict[str, Any]:
    """A COCO file with a polygon, both kinds of code, a box without mask, a crowd, keypoints and parts."""
    person, car = (layouts.numbers(DAMAGED) == number for number in (1, 2))
    parts = [{"name": name, "segmentation": masks.encode(part)} for name, part in layouts.part_masks(DAMAGED).items()]
    first = {"image_id": 11, "iscrowd": 0}
    return {
        "images": [_coco_image(11, DAMAGED), _coco_image(12, TRAIN)],
        "categories": [
            {"id": layouts.CAR, "name": "car"},
            {
                "id": layouts.PERSON,
                "name": "person",
                "keypoints": ["nose", "chin"],
                "skeleton": [[1, 2]],
                "parts": [part["name"] for part in parts],
            },
        ],
        "annotations": [
            first
            | {
                "id": 100,
                "category_id": layouts.PERSON,
                "segmentation": [[4, 5, 12, 5, 12, 15, 4, 15]],
                "bbox": [4, 5, 8, 10],
                "area": 80.0,
                "keypoints": [6, 7, 2, 30, 8, 1],
                "parts": parts,
            },
            first | {"id": 101, "category_id": layouts.CAR, "segmentation": masks.encode(car)},
            first | {"id": 102, "category_id": layouts.CAR, "segmentation": layouts.uncompressed(person)},
            first
            | {
                "id": 103,
                "category_id": layouts.PERSON,
                "bbox": [20, 3, 10, 20],
                "area": 120.5,
                "keypoints": [22, 5, 2, 0, 0, 0],
            },
            first
            | {"id": 104, "category_id": layouts.CAR, "segmentation": layouts.uncompressed(car)}
            | {"iscrowd": 1, "difficult": 0},
            {"id": 105, "image_id": 12, "category_id": layouts.PERSON, "segmentation": masks.encode(person)},
        ],
    }


def _coco_image(image_id: int, stem: str) -> dict[str, Any]:
    return {"id": image_id, "file_name": f"{stem}.jpg", "width": layouts.WIDTH, "height": layouts.HEIGHT}


def write_coco(root: Path) -> None:
    """A COCO data set, and a list of the photographs in train."""
    for stem in (DAMAGED, TRAIN, VAL):
        layouts.write_photograph(root / f"photographs/{stem}.jpg")
    content = coco_content()
    (root / "train.json").write_text(json.dumps(content))
    val = content | {"images": [_coco_image(12, VAL)], "annotations": content["annotations"][-1:]}
    (root / "val.json").write_text(json.dumps(val))
    layouts.write_list(root / "train_list.txt", (DAMAGED, TRAIN))


def write_coco_keypoints(root: Path) -> None:
    """A data set in VOC layout, and a COCO file of keypoints."""
    write_voc(root)
    content = coco_content()
    content["images"].append(_coco_image(13, VAL))
    content["annotations"].append(content["annotations"][0] | {"id": 106, "image_id": 13})
    (root / "points.json").write_text(json.dumps(content))


def write_photographs(root: Path) -> None:
    """Photographs of every format with boxes for train, and a folder of photographs without annotations for val."""
    picture = colours(40, 30)
    grey = (picture[..., 0].astype(np.uint16) << 8) + 7
    palette = Image.fromarray(picture).quantize(16)
    pictures = {"a.jpg": picture, "b.png": picture, "c.png": grey, "d.png": palette}
    pictures |= {"e.tif": picture, "f.bmp": picture, "g.webp": picture}
    for name, drawn in pictures.items():
        save(root / "photographs" / name, drawn)
    for name in ("a.jpg", "b.png"):
        save(root / "new" / name, picture[::-1].copy())
    images = [_coco_image(n, "") | {"file_name": name} for n, name in enumerate(pictures, start=1)]
    boxes = [{"id": n, "image_id": n, "category_id": 1, "bbox": [3, 4, 20, 15]} for n in range(1, len(images) + 1)]
    content = {"images": images, "categories": [{"id": 1, "name": "car"}], "annotations": boxes}
    (root / "train.json").write_text(json.dumps(content))


def _split(root: Path, folder: str) -> None:
    """Add a photograph to val, whose files are those of the second one in train, and write lists."""
    for path in list(root.rglob(f"{TRAIN}.*")):
        shutil.copy(path, path.with_stem(VAL))
    layouts.write_list(root / folder / "train.txt", (DAMAGED, TRAIN))
    layouts.write_list(root / folder / "val.txt", (VAL,))


def write_voc(root: Path) -> None:
    """A data set in VOC layout, with XML that tells which object is difficult."""
    layouts.make_voc(root)
    (root / "Annotations/first.xml").write_text(VOC_XML)
    _split(root, "ImageSets/Segmentation")


def write_voc_keypoints(root: Path) -> None:
    """A data set in VOC layout with a folder of keypoints."""
    write_voc(root)
    (root / "points").mkdir()
    (root / "points/first_1.xml").write_text(KEYPOINTS_XML)
    for stem in (TRAIN, VAL):
        text = KEYPOINTS_XML.replace(DAMAGED, stem).replace("person", "car")
        (root / f"points/{stem}_1.xml").write_text(text)


def write_named_voc(root: Path) -> None:
    """A data set in VOC layout, with RGB class masks whose colours labelmap.txt names."""
    write_voc(root)
    for path in (root / "SegmentationClass").iterdir():
        values = np.asarray(Image.open(path))
        shown = np.zeros((*values.shape, 3), dtype=np.uint8)
        for value, colour in ((layouts.CAR, (255, 0, 0)), (layouts.PERSON, (0, 255, 0)), (255, (224, 224, 192))):
            shown[values == value] = colour
        Image.fromarray(shown).save(path)
    (root / "labelmap.txt").write_text("background:0,0,0::\ncar:255,0,0::\nperson:0,255,0::\n")


def write_sbd(root: Path) -> None:
    """A data set in SBD's layout."""
    layouts.make_sbd(root)
    _split(root, ".")


def _sbd_file(**changes: Any) -> bytes:
    categories = np.array([[layouts.PERSON], [layouts.CAR]], dtype=np.uint8)
    stream = io.BytesIO()
    found = {"Segmentation": layouts.numbers(DAMAGED), "Categories": categories} | changes
    savemat(stream, {"GTinst": found}, do_compression=True)
    return stream.getvalue()


SBD_FIELDS: dict[str, Callable[[Any], bytes]] = {
    "Segmentation": lambda value: _sbd_file(Segmentation=value),
    "Categories": lambda value: _sbd_file(Categories=value),
    "Boundaries": lambda value: _sbd_file(Boundaries=value),
}
"""Contents of an SBD file in which a field has another value."""


def write_pascal_part(root: Path) -> None:
    """A data set in PASCAL-Part's layout."""
    layouts.make_pascal_part(root)
    _split(root, ".")


def _pascal_part_file(change: Callable[[list[dict[str, Any]]], object]) -> bytes:
    objects = layouts.pascal_part_objects(DAMAGED)
    change(objects)
    with tempfile.TemporaryDirectory() as folder:
        layouts.write_pascal_part(Path(folder) / "first.mat", objects)
        return (Path(folder) / "first.mat").read_bytes()


PASCAL_PART_FIELDS: dict[str, Callable[[Any], bytes]] = {
    "class": lambda value: _pascal_part_file(lambda objects: objects[0].update({"class": value})),
    "mask": lambda value: _pascal_part_file(lambda objects: objects[0].update(mask=value)),
    "part_name": lambda value: _pascal_part_file(lambda objects: objects[0]["parts"][0].update(part_name=value)),
    "mask of a part": lambda value: _pascal_part_file(lambda objects: objects[0]["parts"][0].update(mask=value)),
}
"""Contents of a PASCAL-Part file in which a field has another value."""

RESULTS_FOR = AnnotationSet(
    images=(
        AnnotatedImage(11, "first.jpg", layouts.WIDTH, layouts.HEIGHT),
        AnnotatedImage(12, "second.jpg", layouts.WIDTH, layouts.HEIGHT, source_id="two"),
    ),
    categories=(Category(layouts.CAR, "car"), Category(layouts.PERSON, "person")),
    instances=(),
    image_root=".",
)
"""The annotations that `results_content` refers to."""


def results_content() -> list[dict[str, Any]]:
    """Detections with boxes and masks."""
    code = masks.encode(layouts.numbers(DAMAGED) == 1)
    entry = {"image_id": 11, "category_id": layouts.CAR, "bbox": [4, 5, 8, 10.5], "score": 0.5, "segmentation": code}
    return [entry, entry | {"score": 1, "bbox": [1, 1, 2, 2]}]


def write_results(root: Path) -> None:
    """A file of detections."""
    (root / "results.json").write_text(json.dumps(results_content()))


def parameters_content() -> dict[str, Any]:
    """All parameters, those without defaults included."""
    changed = {"part_names": {"ear": ["[lr]ear"]}, "keypoint_names": {"left eye": "L_Eye"}, "class_names": ["a", "b"]}
    return Parameters.model_validate({"dataset": changed}).model_dump(mode="json")
