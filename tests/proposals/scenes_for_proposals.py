"""Small drawn photographs with two figures on a noisy ground, and annotation sets of them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Picture

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Category, Image, Instance


def draw(seed: int, height: int = 80, width: int = 100) -> tuple[NDArray[np.uint8], list[NDArray[np.bool_]]]:
    """Draw an RGB image (height, width, 3) with a disc and a bar that do not overlap; returns it and both masks."""
    rng = np.random.default_rng(seed)
    rows, columns = np.indices((height, width))
    image = 90 + 30 * np.sin(columns / 9)[..., None] + rng.normal(0, 14, (height, width, 3))
    disc = (rows - 40) ** 2 + (columns - 25 - seed % 5) ** 2 < 15**2
    bar = (abs(rows - 35) < 22) & (abs(columns - 72) < 9 + seed % 4)
    image[disc] += [90, -40, -40]
    image[bar] += [-50, 70, 10]
    image[bar & (rows < 35)] += [0, -10, 90]
    return np.clip(image, 0, 255).astype(np.uint8), [disc, bar]


def annotate(folder: Path, seeds: range) -> AnnotationSet:
    """Write the photographs of `seeds` to `folder` and annotate them; the id of an image is 10 x seed + 3."""
    images, instances = [], []
    for seed in seeds:
        pixels, figures = draw(seed)
        Picture.fromarray(pixels).save(folder / f"{seed}.png")
        images.append(Image(10 * seed + 3, f"{seed}.png", pixels.shape[1], pixels.shape[0]))
        for category, figure in enumerate(figures, 1):
            segmentation = masks.encode(figure)
            instances.append(
                Instance(
                    id=len(instances) + 1,
                    image_id=images[-1].id,
                    category_id=category,
                    segmentation=segmentation,
                    box=masks.box(segmentation),
                    area=float(figure.sum()),
                )
            )
    categories = (Category(1, "disc"), Category(2, "bar"))
    return AnnotationSet(tuple(images), categories, tuple(instances), str(folder))
