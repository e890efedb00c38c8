"""Photographs of drawn squares, and what a reader must find in them, known from the drawing alone."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from hypercolumns.annotations import readers
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.parameters import DatasetParameters

WIDTH, HEIGHT = 96, 64


@dataclass(frozen=True)
class Square:
    """A drawn square; its corners are its keypoints."""

    category: str
    x: int
    y: int
    side: int

    @property
    def corners(self) -> list[tuple[int, int]]:
        """Upper left, upper right, lower right, lower left."""
        right, bottom = self.x + self.side, self.y + self.side
        return [(self.x, self.y), (right, self.y), (right, bottom), (self.x, bottom)]

    @property
    def polygon(self) -> list[int]:
        """COCO's flat list of the corners."""
        return [value for corner in self.corners for value in corner]

    @property
    def bbox(self) -> list[int]:
        """COCO's x, y, width, height."""
        return [self.x, self.y, self.side, self.side]

    @property
    def keypoints(self) -> list[int]:
        """COCO's x, y, visibility of each corner."""
        return [value for x, y in self.corners for value in (x, y, 2)]

    @property
    def mask(self) -> np.ndarray:
        """The pixels, (HEIGHT, WIDTH)."""
        pixels = np.zeros((HEIGHT, WIDTH), dtype=bool)
        pixels[self.y : self.y + self.side, self.x : self.x + self.side] = True
        return pixels


SCENES = {
    "train01.jpg": (Square("car", 5, 6, 20), Square("dog", 60, 30, 24)),
    "train02.jpg": (Square("dog", 31, 12, 16),),
    "train03.jpg": (Square("car", 22, 30, 18),),
    "train04.jpg": (Square("dog", 70, 4, 22),),
    "val01.jpg": (Square("car", 40, 20, 28), Square("dog", 8, 40, 12)),
    "val02.jpg": (Square("car", 50, 7, 14),),
}
"""Objects that are drawn in each photograph."""

TRAIN, VAL = tuple(SCENES)[:4], tuple(SCENES)[4:]

CATEGORIES = ("car", "dog")
CORNERS = ("upper_left", "upper_right", "lower_right", "lower_left")


def draw(path: Path, squares: tuple[Square, ...]) -> None:
    """Write a photograph of grey noise with red squares."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(0).integers(90, 160, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    for square in squares:
        pixels[square.mask] = (220, 30, 30)
    Image.fromarray(pixels).save(path)


def draw_all(folder: Path, prefix: str = "", names: tuple[str, ...] = tuple(SCENES)) -> None:
    """Write the named photographs."""
    for name in names:
        draw(folder / (prefix + name), SCENES[name])


def run_lengths(mask: np.ndarray) -> dict:
    """COCO's uncompressed code: lengths of runs down the columns, beginning with zeros."""
    pixels = mask.ravel(order="F").astype(int)
    edges = np.concatenate([[0], np.flatnonzero(np.diff(pixels, prepend=0)), [pixels.size]])
    return {"size": list(mask.shape), "counts": np.diff(edges).tolist()}


def coco(names: tuple[str, ...] = tuple(SCENES), first_id: int = 1, **fields) -> dict:
    """A plain COCO file of some photographs; `fields` are computed from each square, or null where they are None."""
    images = [
        {"id": number, "file_name": name, "width": WIDTH, "height": HEIGHT}
        for number, name in enumerate(names, first_id)
    ]
    annotations = [
        {
            "id": 0,
            "image_id": image["id"],
            "category_id": first_id + CATEGORIES.index(square.category),
            "iscrowd": 0,
            "bbox": square.bbox,
            "area": square.side**2,
            "segmentation": [square.polygon],
        }
        | {key: field and field(square) for key, field in fields.items()}
        for image in images
        for square in SCENES[image["file_name"]]
    ]
    for number, annotation in enumerate(annotations, first_id):
        annotation["id"] = number
    categories = [{"id": number, "name": name} for number, name in enumerate(CATEGORIES, first_id)]
    return {"images": images, "annotations": annotations, "categories": categories}


def write(path: Path, content: object) -> None:
    """Write JSON as a string, or an object as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def read(root: Path, tasks=("segmentation",), **settings) -> dict[str, AnnotationSet]:
    """Read both splits as the first stage does."""
    return readers.read_splits(DatasetParameters(format="coco", root=str(root), **settings), tasks)


def read_files(root: Path, train: object, val: object = None, tasks=("segmentation",), **settings):
    """Write both annotation files, draw the photographs and read everything."""
    draw_all(root / "photos")
    write(root / "train.json", train)
    write(root / "val.json", coco(VAL) if val is None else val)
    return read(root, tasks, **{"train": "train.json", "val": "val.json", "images": "photos"} | settings)


def found(*sets: AnnotationSet) -> dict[str, list[tuple]]:
    """The category, box and area of the objects in each photograph, by its path as the reader found it."""
    return {
        image.file_name: [
            (annotations.category_by_id[i.category_id].name, i.box, i.area)
            for i in annotations.instances_by_image[image.id]
        ]
        for annotations in sets
        for image in annotations.images
    }


def drawn(folder: str = "", prefix: str = "", names: tuple[str, ...] = tuple(SCENES)) -> dict[str, list[tuple]]:
    """Objects that `found` must give for the named photographs."""
    return {
        folder + prefix + name: [(s.category, (*s.corners[0], *s.corners[2]), s.side**2) for s in SCENES[name]]
        for name in names
    }
