"""Tiny data sets in every layout that the readers know, all with the same two images and the same objects."""

import json
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat
from scipy.sparse import csc_matrix

from hypercolumns.annotations import masks

WIDTH, HEIGHT = 40, 30
CAR, PERSON = 7, 15
STEMS = ("first", "second")


def numbers(stem: str) -> np.ndarray:
    """Object number of each pixel: two objects in the first image, one in the second; 255 is void."""
    labels = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    labels[5:15, 4:12] = 1
    labels[4, 4:12] = 255
    if stem == "first":
        labels[10:25, 10:30] = 2
    return labels


def categories(stem: str) -> list[int]:
    """Category ids of the objects, in the order of their numbers."""
    return [PERSON, CAR] if stem == "first" else [CAR]


def classes(stem: str) -> np.ndarray:
    """Category of each pixel; 255 is void."""
    lookup = np.zeros(256, dtype=np.uint8)
    lookup[255] = 255
    lookup[1 : 1 + len(categories(stem))] = categories(stem)
    return lookup[numbers(stem)]


def write_photograph(path: Path, width: int = WIDTH, height: int = HEIGHT) -> None:
    """Write a photograph of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shades = np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8)
    Image.fromarray(shades).save(path)


def write_labels(path: Path, labels: np.ndarray) -> None:
    """Write a label image with a grey palette."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(labels, mode="P")
    image.putpalette([shade for value in range(256) for shade in (value, value, value)])
    image.save(path)


def write_list(path: Path, stems: tuple[str, ...] = STEMS) -> None:
    """Write a list file, one stem per line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{stem}\n" for stem in stems))


def xml_object(name: str, box: tuple[int, int, int, int], difficult: int = 0) -> str:
    """An object of a VOC annotation; the box counts pixels from 1 and includes the last one."""
    x0, y0, x1, y1 = box
    return (
        f"<object><name>{name}</name><difficult>{difficult}</difficult><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin>"
        f"<xmax>{x1}</xmax><ymax>{y1}</ymax></bndbox></object>"
    )


def write_xml(path: Path, *objects: str) -> None:
    """Write a VOC annotation of the given objects."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"<annotation>{''.join(objects)}</annotation>")


def make_voc(root: Path, train: tuple[str, ...] = STEMS, val: tuple[str, ...] = STEMS) -> Path:
    """Write the data set in VOC layout and return its folder."""
    for stem in STEMS:
        write_photograph(root / "JPEGImages" / f"{stem}.jpg")
        write_labels(root / "SegmentationObject" / f"{stem}.png", numbers(stem))
        write_labels(root / "SegmentationClass" / f"{stem}.png", classes(stem))
    write_xml(
        root / "Annotations" / "first.xml", xml_object("person", (5, 6, 12, 15)), xml_object("car", (11, 11, 30, 25))
    )
    write_xml(root / "Annotations" / "second.xml", xml_object("car", (5, 6, 12, 15)))
    for split, stems in (("train", train), ("val", val)):
        write_list(root / "ImageSets" / "Segmentation" / f"{split}.txt", stems)
    return root


def make_sbd(root: Path) -> Path:
    """Write the data set in SBD's layout and return its folder."""
    (root / "inst").mkdir(parents=True)
    for stem in STEMS:
        write_photograph(root / "img" / f"{stem}.jpg")
        outlines = np.empty((len(categories(stem)), 1), dtype=object)
        for row in range(len(outlines)):
            outlines[row, 0] = csc_matrix(numbers(stem) == row + 1)
        found = {
            "Segmentation": numbers(stem),
            "Boundaries": outlines,
            "Categories": np.array(categories(stem), dtype=np.uint8)[:, None],
        }
        savemat(root / "inst" / f"{stem}.mat", {"GTinst": found}, do_compression=True)
    for split in ("train", "val"):
        write_list(root / f"{split}.txt")
    return root


def coco_content() -> dict:
    """Content of a COCO file: compressed codes for the first image, uncompressed ones for the second."""
    annotations = []
    for image_id, stem in ((11, "first"), (12, "second")):
        for number, category in enumerate(categories(stem), start=1):
            mask = numbers(stem) == number
            code = dict(masks.encode(mask)) if stem == "first" else uncompressed(mask)
            annotations.append(
                {
                    "id": 100 + len(annotations),
                    "image_id": image_id,
                    "category_id": category,
                    "iscrowd": 0,
                    "area": 1.0,
                    "bbox": [0, 0, 1, 1],
                    "segmentation": code,
                }
            )
    return {
        "images": [
            {"id": image_id, "file_name": f"{stem}.jpg", "width": WIDTH, "height": HEIGHT}
            for image_id, stem in ((11, "first"), (12, "second"))
        ],
        "categories": [{"id": CAR, "name": "car"}, {"id": PERSON, "name": "person"}],
        "annotations": annotations,
    }


def uncompressed(mask: np.ndarray) -> dict:
    """COCO's uncompressed code: lengths of runs down the columns, beginning with zeros."""
    pixels = mask.ravel(order="F").astype(int)
    changes = np.flatnonzero(np.diff(pixels, prepend=0))
    edges = np.concatenate([[0], changes, [pixels.size]])
    return {"size": list(mask.shape), "counts": np.diff(edges).tolist()}


def make_coco(root: Path, content: dict | None = None) -> Path:
    """Write photographs and the same annotation file for both splits, and return the folder."""
    for stem in STEMS:
        write_photograph(root / "photographs" / f"{stem}.jpg")
    text = json.dumps(coco_content() if content is None else content)
    for split in ("train", "val"):
        (root / f"{split}.json").write_text(text)
    return root


def part_masks(stem: str) -> dict[str, np.ndarray]:
    """Parts of the first image's person: the head in the upper rows, two legs below."""
    person = numbers(stem) == 1
    rows, columns = np.indices(person.shape)
    lower = person & (rows >= 9)
    return {"head": person & (rows < 9), "luleg": lower & (columns < 8), "ruleg": lower & (columns >= 8)}


def pascal_part_objects(stem: str) -> list[dict]:
    """Objects in PASCAL-Part's structure; only the person of the first image has parts."""
    names = {PERSON: "person", CAR: "car"}
    objects = []
    for number, category in enumerate(categories(stem), start=1):
        parts = part_masks(stem) if category == PERSON else {}
        objects.append(
            {
                "class": names[category],
                "class_ind": category,
                "mask": (numbers(stem) == number).astype(np.uint8),
                "parts": [{"part_name": name, "mask": mask.astype(np.uint8)} for name, mask in parts.items()],
            }
        )
    return objects


def struct_array(items: list[dict]) -> np.ndarray:
    """A 1 x n MATLAB struct array; fields that an item lacks are empty."""
    names = list(dict.fromkeys(name for item in items for name in item))
    array = np.empty((1, len(items)), dtype=[(name, object) for name in names])
    for index, item in enumerate(items):
        for name in names:
            array[0, index][name] = item.get(name, "")
    return array


def write_pascal_part(path: Path, objects: list[dict]) -> None:
    """Write a PASCAL-Part annotation of the given objects."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nested = [
        item
        | ({"parts": struct_array(item["parts"]) if item["parts"] else np.empty((0, 0))} if "parts" in item else {})
        for item in objects
    ]
    array = struct_array(nested) if nested else np.empty((0, 0))
    savemat(path, {"anno": {"imname": path.stem, "objects": array}}, do_compression=True)


def make_pascal_part(root: Path) -> Path:
    """Write the data set in PASCAL-Part's layout and return its folder."""
    for stem in STEMS:
        write_photograph(root / "JPEGImages" / f"{stem}.jpg")
        write_pascal_part(root / "Annotations_Part" / f"{stem}.mat", pascal_part_objects(stem))
    return root
