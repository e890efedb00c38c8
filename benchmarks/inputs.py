"""Inputs of the benchmarks: drawn scenes with regions, stores of synthetic activations and a task for these."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance
from hypercolumns.backbones import Backbone
from hypercolumns.evaluation.detections import box_mask
from hypercolumns.features.schema import BOX, DIGEST_BYTES, parts
from hypercolumns.features.selection import validation_regions
from hypercolumns.features.writer import FeatureStoreWriter
from hypercolumns.parameters import DatasetParameters, PredictParameters, PuppetsParameters, TrainParameters
from hypercolumns.puppets.generator import generate
from hypercolumns.regions import boxes
from hypercolumns.tasks.segmentation import cut_out
from hypercolumns.tasks.task import Region, coco_result

Shape = tuple[int, int, int]
"""(channels, y, x) of a region's block."""

T_NET: Mapping[str, Shape] = {"pool2": (256, 13, 13), "conv4": (384, 13, 13), "fc7": (4096, 1, 1)}
"""Blocks of the paper's T-Net: AlexNet as Caffe has it, 227 pixels."""
O_NET: Mapping[str, Shape] = {"pool3": (256, 28, 28), "pool4": (512, 14, 14), "fc7": (4096, 1, 1)}
"""Blocks of the paper's O-Net: VGG-16, 224 pixels."""
SMALL: Mapping[str, Shape] = {"fine": (64, 14, 14), "coarse": (128, 7, 7), "vector": (1024, 1, 1)}
"""Blocks small enough for stores of thousands of regions, with about as many channels as real ones."""

SIDE = 256
"""Width and height in pixels of the photographs that synthetic regions lie in."""


def channels(shapes: Mapping[str, Shape]) -> int:
    """Number of channels of a hypercolumn."""
    return sum(shape[0] for shape in shapes.values())


def dense_bytes(shapes: Mapping[str, Shape], size: int = 50) -> int:
    """Bytes of a region's hypercolumns in float32 at all locations, as a literal implementation would hold them."""
    return 4 * size * size * channels(shapes)


def block_shapes(backbone: Backbone) -> dict[str, Shape]:
    """Shapes of a region's blocks by layer, found by a forward pass over one crop."""
    with torch.inference_mode():
        maps = backbone(torch.zeros(1, 3, backbone.input_size, backbone.input_size))
    return {name: (m.shape[1], m.shape[2], m.shape[3]) for name, m in maps.items()}


def describe_solver(settings: TrainParameters) -> str:
    """Name the solver and the pixels it learns from."""
    if settings.solver == "exact":
        return f"exact on all {settings.heat_map**2} pixels of a region"
    return f"sgd on {settings.pixels_per_region} pixels of a region"


def draw_scenes(folder: Path, photographs: int) -> AnnotationSet:
    """Draw scenes with photo backgrounds into `folder`; gives the annotations of their instances."""
    settings = DatasetParameters(puppets=PuppetsParameters(train_images=photographs))
    return generate(settings, "train", 0, folder)


def make_regions(annotations: AnnotationSet, count: int) -> pd.DataFrame:
    """Make `count` regions: boxes of the instances, then jittered copies of these; sorted as a store needs them."""
    instances = validation_regions(annotations, [])
    rng = np.random.default_rng(0)
    table = pd.concat([instances] * -(-count // len(instances)), ignore_index=True).iloc[:count].copy()
    copies = np.arange(count) >= len(instances)
    table.loc[copies, BOX] = boxes.jitter(table.loc[copies, BOX].to_numpy(), 0.08, rng)
    return table.sort_values(["category", "image"], kind="stable", ignore_index=True)


def random_activations(rng: np.random.Generator, regions: int, shape: Shape) -> NDArray[np.float16]:
    """Draw values (regions, *shape) after a ReLU: half are zero, and they compress about as real activations do."""
    return rng.standard_normal((regions, *shape), dtype=np.float32).clip(0).astype(np.float16)


def synthetic_store(path: Path, regions: pd.DataFrame | int, shapes: Mapping[str, Shape]) -> None:
    """Write a store of random activations, one part in memory at a time.

    Parameters
    ----------
    regions
        Region table, or the number of boxes in one photograph.
    """
    table = synthetic_regions(regions) if isinstance(regions, int) else regions
    with FeatureStoreWriter(path, shapes) as writer:
        for part, rows in enumerate(parts(len(table))):
            rng = np.random.default_rng([0, part])
            writer.append({n: random_activations(rng, rows.stop - rows.start, s) for n, s in shapes.items()})
        writer.finish(table, no_digests(len(table)), 1.2, {})


def no_digests(count: int) -> NDArray[np.uint8]:
    """Digests of regions that no other store will be compared with."""
    return np.zeros((count, DIGEST_BYTES), np.uint8)


def synthetic_regions(count: int) -> pd.DataFrame:
    """Make a table of `count` random boxes in one photograph, all of one category."""
    rng = np.random.default_rng(1)
    corner, size = rng.uniform(0, SIDE / 2, (count, 2)), rng.uniform(SIDE / 8, SIDE / 2, (count, 2))
    table = pd.DataFrame(np.hstack([corner, corner + size]), columns=BOX)
    return table.assign(image=1, category=1, instance=np.arange(count), kind="ground_truth", iou=1.0, score=1.0)


def synthetic_data_set(
    count: int, n_categories: int, regions_per_photograph: int
) -> tuple[pd.DataFrame, AnnotationSet]:
    """Make a table of `count` boxes in many photographs, sorted as a store needs them, and their photographs.

    Kinds of regions take turns: ground_truth, proposal and detection.
    """
    rng = np.random.default_rng(2)
    n_photographs = -(-count // regions_per_photograph)
    number = np.arange(count)
    table = synthetic_regions(count).assign(
        image=rng.integers(1, n_photographs + 1, count),
        category=1 + number * n_categories // count,
        kind=np.array(["ground_truth", "proposal", "detection"], dtype=object)[number % 3],
    )
    images = tuple(Image(i, f"{i}.jpg", SIDE, SIDE) for i in range(1, n_photographs + 1))
    categories = tuple(Category(i, f"category {i}") for i in range(1, n_categories + 1))
    return table, AnnotationSet(images, categories, (), ".")


def boxed_instances(rows: pd.DataFrame, annotations: AnnotationSet) -> Iterator[Instance]:
    """Make an instance of each row of a region table, with its box as the mask."""
    columns = rows[["instance", "image", "category", *BOX]].itertuples(index=False, name=None)
    for number, image_id, category_id, *box in columns:
        mask = box_mask(box, annotations.image_by_id[image_id])
        yield Instance(number, image_id, category_id, mask, tuple(box), masks.area(mask))


_ONE_PHOTOGRAPH = AnnotationSet((Image(1, "none", SIDE, SIDE),), (Category(1, "disc"),), (), ".")


@dataclass(frozen=True)
class SyntheticTask:
    """A task whose target is a disc in every box, of a size that depends on the region; its answers are masks."""

    annotations: AnnotationSet = _ONE_PHOTOGRAPH
    """Photographs, whose files are never read, and categories."""
    name = "synthetic"
    targets = ("figure",)

    @property
    def categories(self) -> tuple[Category, ...]:
        """See `hypercolumns.grid.targets.Targets`."""
        return self.annotations.categories

    def target_maps(self, regions: pd.DataFrame, boxes: NDArray[np.float64], size: int) -> NDArray[np.int8]:
        """See `hypercolumns.grid.targets.Targets`."""
        del boxes
        axis = (np.arange(size) + 0.5) / size - 0.5
        distance = np.hypot(axis[:, None], axis)
        radius = 0.2 + 0.3 * (regions["instance"].to_numpy() * 0.618 % 1)
        return (distance < radius[:, None, None]).astype(np.int8)[:, None]

    def targets_of(self, category_id: int) -> tuple[int, ...]:
        """See `hypercolumns.tasks.task.Task`."""
        del category_id
        return (0,)

    def answer(self, heat: NDArray[np.float32], region: Region) -> list[Mapping[str, Any]]:
        """See `hypercolumns.tasks.task.Task`."""
        return [coco_result(region.row, cut_out(heat[0], region, PredictParameters(superpixels=0)))]
