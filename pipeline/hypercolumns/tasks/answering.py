"""Answers of a trained model for regions whose blocks are in memory: the core of `predict` and of the segmenter."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hypercolumns.annotations.model import Image
from hypercolumns.grid.model import GridModel
from hypercolumns.grid.scoring import heat_maps
from hypercolumns.parameters import PredictParameters
from hypercolumns.tasks.task import Region, Task

Superpixels = Callable[[int], NDArray[np.int32]]
"""Given the id of an image, returns the labels (height, width) of its superpixels."""


def score_regions(
    model: GridModel,
    task: Task,
    settings: PredictParameters,
    categories: NDArray[np.int64],
    blocks: Mapping[str, NDArray[np.float16]],
) -> NDArray[np.float32]:
    """Compute the heat maps of regions.

    Parameters
    ----------
    categories
        (n,) category ids of the regions.
    blocks
        (n, channels, y, x) by layer, as a feature store holds them.

    Returns
    -------
    (n, target, size, size) probabilities; 0 for targets that a category does not need.

    Notes
    -----
    The caller holds numeric libraries to one thread: the last bits of a product may depend on their number.
    """
    size = model.heat_map
    heat = np.zeros((len(categories), len(model.targets), size, size), dtype=np.float32)
    for category in np.unique(categories):
        targets = np.array(task.targets_of(int(category)), dtype=np.int64)
        if len(targets):
            rows = np.flatnonzero(categories == category)
            of_category = {layer: blocks[layer][rows] for layer in model.spec.layers}
            group = model.group_of_category[int(category)]
            scored = heat_maps(model.select_targets(targets), group, of_category, settings.blending)
            heat[np.ix_(rows, targets)] = scored
    return heat


def answer_regions(
    task: Task,
    heat: NDArray[np.float32],
    regions: pd.DataFrame,
    boxes: NDArray[np.float64],
    images: Mapping[int, Image],
    superpixels: Superpixels,
) -> list[Sequence[Mapping[str, Any]]]:
    """Turn the heat maps of regions into COCO results.

    Parameters
    ----------
    heat
        (n, target, size, size) from `score_regions`.
    regions
        Region table, n rows.
    boxes
        (n, 4) expanded boxes, which the heat maps cover.
    images
        By id, the images that the regions lie in.

    Returns
    -------
    Results of each region; none for a category without a target.
    """
    results: list[Sequence[Mapping[str, Any]]] = []
    for region_heat, box, row in zip(heat, boxes, regions.to_dict("records"), strict=True):
        image = images[int(row["image"])]
        region = Region(row, box, image.width, image.height, partial(superpixels, image.id))
        results.append(task.answer(region_heat, region) if task.targets_of(region.category_id) else [])
    return results
