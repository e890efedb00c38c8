"""Small image sets for the tests of detection, with features that are known functions of what a box shows."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance
from hypercolumns.detection.candidate_set import CandidateSet, Describe, Item, Result
from hypercolumns.regions.boxes import Boxes, iou

WIDTH, HEIGHT = 96, 64
CATEGORIES = (Category(3, "cat"), Category(7, "dog"), Category(9, "yak"))


@dataclass(frozen=True)
class KnownFeatures:
    """Features of regions from a function of the image and the boxes in it, without a network."""

    describe: Callable[[Image, Boxes], NDArray[np.float32]]

    def map(
        self, function: Callable[[Describe, Item], Result], items: Iterable[tuple[Image, Item]]
    ) -> Iterator[Result]:
        """Apply the function to one item after the other."""
        return (function(partial(self.describe, image), item) for image, item in items)


def make_instance(
    number: int, image: int, category: int, box: Sequence[float], crowd: bool = False, difficult: bool = False
) -> Instance:
    """Make an instance whose mask fills its box."""
    x0, y0, x1, y1 = (round(v) for v in box)
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return Instance(number, image, category, masks.encode(mask), (x0, y0, x1, y1), float(mask.sum()), crowd, difficult)


def scenes(images: int, seed: int, categories: Sequence[int] = (3, 7), root: str = "") -> AnnotationSet:
    """Make a number of images, each with two objects of random position, size and category."""
    rng = np.random.default_rng(seed)
    instances = []
    for image in range(1, images + 1):
        for left in (0, WIDTH // 2):
            corner = rng.integers([left, 0], [left + 12, 20])
            size = rng.integers([18, 20], [34, 40])
            category = int(rng.choice(categories))
            instances.append(make_instance(len(instances) + 1, image, category, [*corner, *(corner + size)]))
    photographs = tuple(Image(i, f"{i}.png", WIDTH, HEIGHT) for i in range(1, images + 1))
    return AnnotationSet(photographs, CATEGORIES, tuple(instances), root)


def candidates(annotations: AnnotationSet, image_id: int, number: int = 60) -> Boxes:
    """Random boxes, then four shifted copies of the box of each instance of the image."""
    rng = np.random.default_rng([17, image_id, len(annotations.images)])
    corners = np.sort(rng.uniform(0, 1, (number, 2, 2)), axis=1).reshape(-1, 4) * [WIDTH, HEIGHT, WIDTH, HEIGHT]
    objects = np.array([i.box for i in annotations.instances_by_image[image_id]]).reshape(-1, 4)
    return np.concatenate([corners, np.repeat(objects, 4, axis=0) + rng.uniform(-3, 3, (len(objects) * 4, 4))])


def separable_features(annotations: AnnotationSet) -> KnownFeatures:
    """Features that a linear model can separate: per category, the best overlap with an object."""

    def describe(image: Image, boxes: Boxes) -> NDArray[np.float32]:
        columns = []
        for category in annotations.categories:
            objects = [i.box for i in annotations.instances_by_image[image.id] if i.category_id == category.id]
            columns.append(iou(boxes, objects).max(axis=1) if objects else np.zeros(len(boxes)))
        return np.stack(columns, axis=1).astype(np.float32)

    return KnownFeatures(describe)


def separable(annotations: AnnotationSet, features: KnownFeatures | None = None) -> CandidateSet:
    """Candidates with `features`; None: those that a linear model can separate."""
    features = features or separable_features(annotations)
    return CandidateSet("test", annotations, lambda image_id: candidates(annotations, image_id), features)


def draw(annotations: AnnotationSet, folder: Path) -> None:
    """Write the photographs: noise with a bright (cat) or dark (other) rectangle per instance."""
    rng = np.random.default_rng(5)
    for image in annotations.images:
        pixels = rng.integers(90, 160, (image.height, image.width, 3), dtype=np.uint8)
        for instance in annotations.instances_by_image[image.id]:
            x0, y0, x1, y1 = (int(v) for v in instance.box)
            pixels[y0:y1, x0:x1] = 250 if instance.category_id == 3 else 10
        Picture.fromarray(pixels).save(folder / image.file_name)
