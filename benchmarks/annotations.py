"""Annotations: reading a large COCO file, and loading what was read, as every later stage does."""

import json
import tempfile
from pathlib import Path

import msgspec
import numpy as np
from pycocotools import mask as coco_mask

from benchmarks.figures import Figure, Goal, Section
from benchmarks.measuring import Cost, in_new_process
from benchmarks.sizes import Sizes
from hypercolumns.annotations import readers
from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.parameters import DatasetParameters

PER_IMAGE = 7
"""Annotations per image, as in COCO's train2017."""

TRAIN2017 = 860_001
"""Annotations of COCO's train2017, in 118,287 images."""

WIDTH, HEIGHT = 640, 480


def figures(sizes: Sizes) -> Section:
    """Measure time and memory on a file of `sizes.annotations` annotations and one of a quarter of that."""
    counts = (sizes.annotations // 4, sizes.annotations)
    with tempfile.TemporaryDirectory() as folder:
        read, loaded = [], []
        for count in counts:
            root = Path(folder) / str(count)
            write_file(root, count)
            read.append(in_new_process(read_and_save, root))
            loaded.append(in_new_process(load, root / "saved.json"))
        script = in_new_process(read_with_pycocotools, root / "train.json")
        parsed = in_new_process(parse, root / "saved.json")
        megabytes = (root / "train.json").stat().st_size / 1e6
    return Section(
        "Annotations",
        f"A COCO file of {counts[-1]} synthetic polygons of 12 to 30 corners in {counts[-1] // PER_IMAGE} images "
        f"({megabytes:.0f} MB), read and saved in a new process without decoding photographs, then loaded as later "
        "stages load it, which leaves masks unparsed. Beside it: `json.load` and pycocotools' run-length codes of the "
        "same polygons, and `json.load` of the saved file. Extrapolated to train2017 by the growth between both sizes.",
        (
            Figure(
                "read: time over that of json.load and pycocotools",
                read[-1].seconds / script.seconds,
                "x",
                f"{read[-1].seconds:.1f} and {script.seconds:.1f} s",
                Goal("at most", 2),
            ),
            _growth("read", read),
            *_extrapolated("read", read, counts),
            Figure(
                "load: time over that of json.load",
                loaded[-1].seconds / parsed.seconds,
                "x",
                f"{loaded[-1].seconds:.1f} and {parsed.seconds:.1f} s",
                Goal("at most", 1),
            ),
            _growth("load", loaded),
            *_extrapolated("load", loaded, counts),
        ),
    )


def _growth(name: str, costs: list[Cost]) -> Figure:
    ratio = costs[1].seconds / costs[0].seconds / 4
    return Figure(f"{name}: time per annotation at 4 times the size", ratio, "x", goal=Goal("at most", 1.2))


def _extrapolated(name: str, costs: list[Cost], counts: tuple[int, int]) -> list[Figure]:
    share = (TRAIN2017 - counts[1]) / (counts[1] - counts[0])
    seconds = costs[1].seconds + share * (costs[1].seconds - costs[0].seconds)
    peak = costs[1].peak + share * (costs[1].peak - costs[0].peak)
    return [
        Figure(f"{name}: train2017, time", seconds, "s"),
        Figure(f"{name}: train2017, peak memory", peak / 1e9, "GB", goal=Goal("at most", 4)),
    ]


def write_file(root: Path, count: int) -> None:
    """Write a COCO file of `count` polygons, `train.json`, and an empty folder `images` to `root`."""
    rng = np.random.default_rng(0)
    (root / "images").mkdir(parents=True)
    images = [
        {"id": n, "file_name": f"{n:012d}.jpg", "width": WIDTH, "height": HEIGHT}
        for n in range(1, count // PER_IMAGE + 2)
    ]
    categories = [{"id": n, "name": f"category {n}"} for n in range(1, 81)]
    encode = msgspec.json.Encoder().encode
    with (root / "train.json").open("wb") as stream:
        stream.write(b'{"images":' + encode(images) + b',"categories":' + encode(categories) + b',"annotations":[')
        for number in range(count):
            stream.write((b"," if number else b"") + encode(_annotation(number, rng)))
        stream.write(b"]}")


def _annotation(number: int, rng: np.random.Generator) -> dict[str, object]:
    """A rough circle of a random size somewhere in an image."""
    radius = rng.uniform(5, 60)
    centre = rng.uniform([60, 60], [WIDTH - 60, HEIGHT - 60])
    angles = np.linspace(0, 2 * np.pi, rng.integers(12, 31), endpoint=False)
    reach = radius * rng.uniform(0.6, 1, len(angles))
    corners = centre + np.stack([reach * np.cos(angles), reach * np.sin(angles)], axis=1)
    return {
        "id": number + 1,
        "image_id": 1 + number // PER_IMAGE,
        "category_id": 1 + number % 80,
        "iscrowd": 0,
        "area": round(3 * radius**2, 2),
        "bbox": np.round([*(centre - radius), 2 * radius, 2 * radius], 2).tolist(),
        "segmentation": [corners.round(2).ravel().tolist()],
    }


def read_and_save(root: Path) -> int:
    """Read the file as `check` does and save it as `prepare` does; returns the number of instances."""
    settings = DatasetParameters(format="coco", root=str(root), train="train.json", images="images")
    annotations = readers.read(settings, "train", BadItems(skip=False, tasks=["segmentation"]))
    annotations.save(root / "saved.json")
    return len(annotations.instances)


def load(path: Path) -> int:
    """Load what was saved; returns the number of instances with a mask."""
    return sum(instance.has_mask for instance in AnnotationSet.load(path).instances)


def read_with_pycocotools(path: Path) -> int:
    """Parse the file and encode its polygons, which is the least that a reader of masks does."""
    content = json.loads(path.read_bytes())
    codes = [
        coco_mask.merge(coco_mask.frPyObjects(annotation["segmentation"], HEIGHT, WIDTH))
        for annotation in content["annotations"]
    ]
    return len(codes)


def parse(path: Path) -> int:
    """Parse the saved file with Python's own reader."""
    return len(json.loads(path.read_bytes())["annotations"])
