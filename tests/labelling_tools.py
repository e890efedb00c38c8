"""Exports of annotation tools, written field by field as each tool writes them, for photographs with polygons.

Sources: the documentation of CVAT, Datumaro, Label Studio and Roboflow, and the COCO importer of Datumaro.
"""

import json
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from hypercolumns.annotations import masks
from hypercolumns.annotations.label_images import voc_colour


@dataclass(frozen=True)
class Labelled:
    """An object in a tool: one or more grouped polygons, flat lists of x and y."""

    label: str
    polygons: tuple[tuple[float, ...], ...]

    def mask(self, size: tuple[int, int]) -> masks.RLE:
        """The mask in a photograph of (width, height)."""
        return masks.from_polygons(self.polygons, size[1], size[0])


Project = Mapping[str, Iterable[Labelled]]
"""Objects by the base name of their photograph, in the order of frames."""


def read_into_cvat(path: Path, frames: Iterable[Path], labels: Iterable[str]) -> dict[str, list[Labelled]]:
    """What a task of CVAT has after the upload of a COCO file.

    Photographs are matched by their names, categories by the labels, and polygons of an annotation are grouped.
    """
    content = json.loads(path.read_text())
    names = {image["id"]: image["file_name"] for image in content["images"]}
    categories = {category["id"]: category["name"] for category in content["categories"]}
    assert set(categories.values()) <= set(labels)
    task: dict[str, list[Labelled]] = {frame.name: [] for frame in frames}
    for annotation in content["annotations"]:
        assert annotation["iscrowd"] == 0, "CVAT would make it a mask, and export a crowd"
        polygons = tuple(tuple(polygon) for polygon in annotation["segmentation"])
        task[names[annotation["image_id"]]].append(Labelled(categories[annotation["category_id"]], polygons))
    return task


def _size(path: Path) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def _coco(project: Project, photographs: Path, labels: list[str], first_id: int, prefix: str = "") -> dict[str, Any]:
    """The lists that all exports have; ids count from `first_id`."""
    images, annotations = [], []
    for image_id, (name, objects) in enumerate(project.items(), start=first_id):
        width, height = _size(photographs / name)
        images.append({"id": image_id, "width": width, "height": height, "file_name": prefix + name})
        for item in objects:
            code = item.mask((width, height))
            x0, y0, x1, y1 = masks.box(code)
            annotations.append(
                {
                    "id": len(annotations) + first_id,
                    "image_id": image_id,
                    "category_id": labels.index(item.label) + first_id,
                    "segmentation": [list(polygon) for polygon in item.polygons],
                    "area": float(masks.area(code)),
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "iscrowd": 0,
                }
            )
    categories = [{"id": number, "name": name} for number, name in enumerate(labels, start=first_id)]
    return {"images": images, "categories": categories, "annotations": annotations}


def cvat_coco(project: Project, photographs: Path, labels: list[str], out: Path, *, with_images: bool = False) -> None:
    """Write the zip archive "COCO 1.0" and unpack it to `out`."""
    content = _coco(project, photographs, labels, 1)
    for image in content["images"]:
        image |= {"license": 0, "flickr_url": "", "coco_url": "", "date_captured": 0}
    for annotation in content["annotations"]:
        annotation["attributes"] = {"occluded": False}
    for category in content["categories"]:
        category["supercategory"] = ""
    info = dict.fromkeys(("contributor", "date_created", "description", "url", "version", "year"), "")
    content = {"licenses": [{"name": "", "id": 0, "url": ""}], "info": info} | content
    archive = out.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as stream:
        stream.writestr("annotations/instances_default.json", json.dumps(content))
        for name in project if with_images else ():
            stream.write(photographs / name, f"images/default/{name}")
    _unpack(archive, out)


def cvat_masks(project: Project, photographs: Path, labels: list[str], out: Path) -> None:
    """Write the zip archive "Segmentation mask 1.1" and unpack it: VOC's folders, with colours from labelmap.txt.

    CVAT chooses the colours of labels by their names, writes images with three channels, and lists no photograph twice.
    """
    colours = {"background": (0, 0, 0)} | {name: (61, 245, 20 * number) for number, name in enumerate(labels, 1)}
    rows = [f"{name}:{','.join(map(str, colour))}::" for name, colour in colours.items()]
    for folder in ("ImageSets/Segmentation", "SegmentationClass", "SegmentationObject", "JPEGImages"):
        (out / folder).mkdir(parents=True)
    (out / "labelmap.txt").write_text("\n".join(["# label:color_rgb:parts:actions", *rows, ""]))
    stems = [Path(name).stem for name in project]
    (out / "ImageSets/Segmentation/default.txt").write_text("".join(f"{stem}\n" for stem in stems))
    for name, objects in project.items():
        width, height = _size(photographs / name)
        classes, numbers = (np.zeros((height, width, 3), dtype=np.uint8) for _ in range(2))
        for number, item in enumerate(objects, start=1):
            pixels = masks.decode(item.mask((width, height)))
            classes[pixels] = colours[item.label]
            numbers[pixels] = voc_colour(number)
        for folder, picture in (("SegmentationClass", classes), ("SegmentationObject", numbers)):
            Image.fromarray(picture).save(out / folder / f"{Path(name).stem}.png")
        shutil.copyfile(photographs / name, out / "JPEGImages" / name)


def label_studio(project: Project, photographs: Path, labels: list[str], out: Path) -> None:
    """Write the unpacked export "COCO": result.json, and images whose names begin with eight hexadecimal digits."""
    content = _coco(project, photographs, labels, 0, prefix="images/0a1b2c3d-")
    for annotation in content["annotations"]:
        annotation["ignore"] = 0
    info = {"year": 2026, "version": "1.0", "description": "", "contributor": "Label Studio", "url": ""}
    (out / "images").mkdir(parents=True)
    (out / "result.json").write_text(json.dumps(content | {"info": info}, indent=2))
    for name in project:
        shutil.copyfile(photographs / name, out / f"images/0a1b2c3d-{name}")


def roboflow(project: Project, photographs: Path, labels: list[str], out: Path) -> None:
    """Write the unpacked export "COCO Segmentation": `train` and `valid`, each with a file beside its photographs."""
    names = list(project)
    for split, chosen in (("train", names[:-2]), ("valid", names[-2:])):
        content = _coco({name: project[name] for name in chosen}, photographs, labels, 0)
        (out / split).mkdir(parents=True)
        for image in content["images"]:
            name = image["file_name"]
            image |= {"license": 1, "file_name": f"{name.replace('.', '_')}.rf.{'0123abcd' * 4}.jpg"}
            image |= {"date_captured": "2026-03-01T10:00:00+00:00", "extra": {"name": name}}
            shutil.copyfile(photographs / name, out / split / image["file_name"])
        for annotation in content["annotations"]:
            annotation["category_id"] += 1
        categories = [{"id": number, "name": name, "supercategory": "things"} for number, name in enumerate(labels, 1)]
        content["categories"] = [{"id": 0, "name": "things", "supercategory": "none"}, *categories]
        licenses = [{"id": 1, "url": "https://creativecommons.org/licenses/by/4.0/", "name": "CC BY 4.0"}]
        info = {"year": "2026", "version": "1", "description": "Exported from roboflow.com", "contributor": ""}
        (out / split / "_annotations.coco.json").write_text(json.dumps({"info": info, "licenses": licenses} | content))


def _unpack(archive: Path, out: Path) -> None:
    with zipfile.ZipFile(archive) as stream:
        stream.extractall(out)
