"""The gallery of instances: which ones it shows, and their pictures."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Instance
from hypercolumns.drawing.colours import WHITE, Picture
from hypercolumns.drawing.heat import draw_heat
from hypercolumns.drawing.shapes import draw_box, draw_outline, tint
from hypercolumns.evaluation.detections import mask_or_box, without_void
from hypercolumns.parameters import Parameters
from hypercolumns.regions import boxes
from hypercolumns.reporting.pictures import TILE, cut_tile, data_uri
from hypercolumns.tasks.heat_maps import HeatMap

AGREED, MISSED, EXTRA = (38, 166, 154), (255, 179, 0), (216, 27, 96)
"""RGB colours of pixels in both masks, only in the true mask, and only in the predicted mask."""


@dataclass(frozen=True)
class Card:
    """One instance of the gallery; `photo`, `heat` and `masks` are data URIs."""

    category: str
    instance_id: int
    file_name: str
    pixels: int
    iou: float
    photo: str
    heat: str | None
    masks: str


def choose(ious: Sequence[float], categories: Sequence[int], count: int) -> list[int]:
    """Choose `count` instances that span the range of IoU and, where there is room, show every category.

    Each choice fills one of `count` evenly spaced ranks of IoU. First every category, the rarest first, fills the free
    rank that is nearest to one of its instances; then the nearest instances fill the remaining ranks.

    Returns
    -------
    Positions of the chosen instances, in order of falling IoU.

    Examples
    --------
    >>> choose([0.1, 0.9, 0.5, 0.4], [1, 1, 1, 2], count=3)
    [1, 3, 0]
    """
    order = np.argsort(-np.asarray(ious), kind="stable")
    count = min(count, len(order))
    free = list(np.round(np.linspace(0, len(order) - 1, count)).astype(int))
    rank_of = {int(position): rank for rank, position in enumerate(order)}
    frequency = Counter(categories)
    rarest_first = sorted(frequency, key=lambda category: (frequency[category], category))[:count]
    pools = [[p for p, other in enumerate(categories) if other == category] for category in rarest_first]
    pools += [list(rank_of)] * (count - len(pools))
    chosen: list[int] = []
    for pool in pools:
        candidates = [p for p in pool if p not in chosen]
        _, rank, _, position = min((abs(rank_of[p] - rank), rank, rank_of[p], p) for p in candidates for rank in free)
        free.remove(rank)
        chosen.append(position)
    return sorted(chosen, key=lambda position: rank_of[position])


def make_card(
    annotations: AnnotationSet,
    instance: Instance,
    predicted: masks.RLE,
    iou: float,
    heat_map: HeatMap | None,
    parameters: Parameters,
) -> Card:
    """Draw the pictures of one instance.

    Parameters
    ----------
    predicted
        The predicted mask; its void pixels are removed.
    heat_map
        Heat map of the expanded box. None leaves out its picture.
    parameters
        `regions.expansion` enlarges the box when there is no heat map; a contour is drawn at `predict.threshold`.
    """
    image = annotations.image_by_id[instance.image_id]
    box = heat_map.box if heat_map else boxes.expand(instance.box, parameters.regions.expansion)
    window, tile = cut_tile(annotations, image, box)
    expanded = window.to_tile(box)
    annotated = mask_or_box(instance, image)
    true_mask, predicted_mask = map(window.mask, (annotated, without_void([predicted], image)[0]))
    return Card(
        category=annotations.category_by_id[instance.category_id].name,
        instance_id=instance.id,
        file_name=image.file_name,
        pixels=masks.area(annotated),
        iou=iou,
        photo=data_uri(_with_boxes(tile, window.to_tile(np.array(instance.box)), expanded)),
        heat=data_uri(_with_heat(tile, expanded, heat_map.heat, parameters.predict.threshold)) if heat_map else None,
        masks=data_uri(_with_masks(tile, true_mask, predicted_mask)),
    )


def colour_scale(steps: int = 12) -> list[str]:
    """List the colours of heat from 0 to 1 as CSS, for the legend."""
    table = cv2.applyColorMap(np.linspace(0, 255, steps).round().astype(np.uint8)[None], cv2.COLORMAP_INFERNO)[0]
    return [f"rgb({r} {g} {b})" for b, g, r in table.tolist()]


def _with_boxes(tile: Picture, box: NDArray[np.float64], expanded: NDArray[np.float64]) -> Picture:
    picture = tile.copy()
    for corners, width in ((expanded, 1), (box, 2)):
        draw_box(picture, corners.tolist(), WHITE, width)
    return picture


def _with_heat(tile: Picture, box: NDArray[np.float64], heat: NDArray[np.uint8], threshold: float) -> Picture:
    """Draw the heat map in colours over the photograph in grey; outside the box, only the photograph."""
    size = heat.shape[0]
    centre = np.arange(TILE) + 0.5
    x = ((centre - box[0]) / (box[2] - box[0]) * size - 0.5).astype(np.float32)
    y = ((centre - box[1]) / (box[3] - box[1]) * size - 0.5).astype(np.float32)
    grid = np.stack(np.meshgrid(x, y))
    values = cv2.remap(heat, grid[0], grid[1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside = (np.abs(grid - (size - 1) / 2) < size / 2).all(axis=0)
    picture = draw_heat(tile, values / np.float32(255), inside)
    draw_outline(picture, inside & (values > 255 * threshold), WHITE, 1)
    return picture


def _with_masks(tile: Picture, true_mask: NDArray[np.bool_], predicted_mask: NDArray[np.bool_]) -> Picture:
    picture = tile.copy()
    for pixels, colour in (
        (true_mask & predicted_mask, AGREED),
        (true_mask & ~predicted_mask, MISSED),
        (predicted_mask & ~true_mask, EXTRA),
    ):
        tint(picture, pixels, colour, 0.55)
    draw_outline(picture, true_mask, WHITE, 2)
    return picture
