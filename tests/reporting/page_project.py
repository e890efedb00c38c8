"""A small project in the current folder, and the page made from it."""

import base64
import json
import shutil
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from click.testing import CliRunner

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance
from hypercolumns.features.schema import COLUMNS
from hypercolumns.features.writer import write_store
from hypercolumns.tasks.heat_maps import write_heat_maps
from stages import evaluate, report


class Outline(HTMLParser):
    """Checks that elements are closed in order, and collects addresses, ids, texts and descriptions of images."""

    VOID = frozenset({"meta", "link", "img", "br"})

    def __init__(self):
        super().__init__()
        self.open, self.addresses, self.ids, self.text, self.images = [], [], [], [], []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.addresses += [values[key] for key in ("src", "href") if key in values]
        self.ids += [values["id"]] if "id" in values else []
        self.images += [values["alt"]] if tag == "img" else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text.append(data)


def outline_of(path):
    outline = Outline()
    outline.feed(path.read_text(encoding="utf-8"))
    assert not outline.open
    return outline


def decode(uri):
    """Decode the picture in a data URI as (height, width, 3) RGB."""
    code = np.frombuffer(base64.b64decode(uri.partition(",")[2]), dtype=np.uint8)
    return cv2.cvtColor(cv2.imdecode(code, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB).astype(int)


def squares():
    """Twelve photographs with one square instance each, of two categories; one name needs escaping."""
    images, instances = [], []
    for number in range(1, 13):
        mask = np.zeros((60, 80), dtype=bool)
        mask[20:40, 20 + number : 40 + number] = True
        box = (20.0 + number, 20.0, 40.0 + number, 40.0)
        images.append(Image(number, f"{number}.png", 80, 60))
        instances.append(Instance(number, number, 1 + number % 2, masks.encode(mask), box, 400.0))
    return AnnotationSet(
        tuple(images), (Category(1, "person"), Category(2, "<b>horse</b>")), tuple(instances), "data/images", "squares"
    )


def write(name, content):
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def write_features(annotations, fine=8):
    """Write a store of all instances and of a detection, with score 0.6, in the upper left of every photograph."""
    rows = sorted(
        [(i.image_id, i.category_id, i.id, "ground_truth", *i.box, 1.0, 1.0) for i in annotations.instances]
        + [(image.id, 1, -1, "detection", 0.0, 0.0, 30.0, 30.0, 0.0, 0.6) for image in annotations.images],
        key=lambda row: row[1],
    )
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    rng = np.random.default_rng(0)
    shapes = {"fine": (5, fine, fine), "top": (6, 1, 1)}
    blocks = {name: rng.normal(size=(len(rows), *shape)).astype(np.float16) for name, shape in shapes.items()}
    names = {str(category.id): category.name for category in annotations.categories}
    path = Path("data/features/val.zarr")
    shutil.rmtree(path, ignore_errors=True)
    write_store(path, table, blocks, expansion=1.2, attributes={"categories": names})
    return path


def write_results():
    """Write the results of all stages, with masks moved down by up to six pixels."""
    annotations = squares()
    write_features(annotations)
    for split in ("train", "val"):
        annotations.save(Path(f"data/annotations/{split}.json"))
    results = [
        {
            "image_id": i.image_id,
            "category_id": i.category_id,
            "instance_id": i.id,
            "score": 0.5 + i.id / 100,
            "bbox": [i.box[0], i.box[1], 20.0, 20.0],
            "segmentation": masks.encode(np.roll(masks.decode(i.segmentation), i.id // 2, axis=0)),
        }
        for i in annotations.instances
    ]
    write("data/detections/val.json", results)
    write("data/predictions/segmentation.json", results)
    write("data/predictions/segmentation_ground_truth.json", results)
    ids, boxes = (np.array([getattr(i, name) for i in annotations.instances]) for name in ("id", "box"))
    maps = [(ids, boxes, np.full((12, 50, 50), 200, dtype=np.uint8))]
    write_heat_maps(Path("data/predictions/segmentation_heat_maps.zarr"), 50, maps)
    layers = ["fine", "top"]
    write(
        "metrics/ablation.json",
        [
            {"blocks": blocks, "grid": k, "mean_iou": 0.3 + 0.1 * len(blocks) + k / 100, "iou_70": 0.2}
            for blocks in (layers, ["fine"], ["top"])
            for k in (1, 5)
        ],
    )
    proposals = {"box_recall_50": 0.9, "box_recall_70": 0.6, "mask_abo": 0.5, "per_image": 1234.5, "instances": 12}
    write("metrics/proposals.json", proposals | {"train": proposals})
    assert CliRunner().invoke(evaluate.main, catch_exceptions=False).exit_code == 0


def run_report():
    result = CliRunner().invoke(report.main, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return outline_of(Path("reports/index.html"))
