"""The gallery: which instances are shown, and their pictures of photo, heat map and masks."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.images import read_photograph
from hypercolumns.annotations.model import AnnotationSet, Instance
from hypercolumns.evaluation.detections import without_void
from hypercolumns.regions import boxes
from hypercolumns.reporting.pictures import BLACK, TILE, WHITE, Window, data_uri
from hypercolumns.tasks.heat_maps import HeatMap

AGREED, MISSED, EXTRA = (38, 166, 154), (255, 179, 0), (216, 27, 96)
"""RGB of pixels in both masks, in the true mask only, in the predicted mask only."""


@dataclass(frozen=True)
class Card:
    """One instance with its pictures as data URIs."""

    category: str
    instance_id: int
    file_name: str
    pixels: int
    iou: float
    photo: str
    heat: str | None
    masks: str


def choose(ious: Sequence[float], categories: Sequence[int], count: int) -> list[int]:
    """Positions of `count` instances that span the range of IoU and show every category, by falling IoU.

    Each choice fills one of `count` evenly spaced ranks of IoU. Every category chooses once, the rarest first, the
    free rank nearest to one of its instances; what is left goes to the instances nearest to the ranks still free.
    """
    order = np.argsort(-np.asarray(ious), kind="stable")
    count = min(count, len(order))
    free = list(np.round(np.linspace(0, len(order) - 1, count)).astype(int)) if count else []
    rank_of = {int(position): rank for rank, position in enumerate(order)}
    frequency = Counter(categories)
    chosen: list[int] = []

    def take(candidates: Sequence[int]) -> None:
        pairs = [(abs(rank_of[c] - rank), rank, rank_of[c], c) for c in candidates if c not in chosen for rank in free]
        _, rank, _, position = min(pairs)
        free.remove(rank)
        chosen.append(position)

    for category in sorted(frequency, key=lambda c: (frequency[c], c))[:count]:
        take([position for position, owner in enumerate(categories) if owner == category])
    while free:
        take(range(len(order)))
    return sorted(chosen, key=lambda position: rank_of[position])


def make_card(
    annotations: AnnotationSet,
    instance: Instance,
    predicted: masks.RLE,
    iou: float,
    heat_map: HeatMap | None,
    expansion: float,
    threshold: float,
) -> Card:
    """The pictures of one instance.

    Without heat map its picture is left out, and the expanded box is computed from the instance's. `threshold` is drawn
    as a contour on the heat map. Void pixels count for neither mask.
    """
    image = annotations.image_by_id[instance.image_id]
    photo = read_photograph(annotations.image_path(image), image)
    box = heat_map.box if heat_map is not None else boxes.expand(instance.box, expansion)
    window = Window.around(box, image.width, image.height)
    tile = window.photo(photo)
    truth, found = map(window.mask, (instance.segmentation, without_void([predicted], image)[0]))
    return Card(
        category=annotations.category_by_id[instance.category_id].name,
        instance_id=instance.id,
        file_name=image.file_name,
        pixels=masks.area(instance.segmentation),
        iou=iou,
        photo=data_uri(_with_boxes(tile, window.to_tile(np.array(instance.box)), window.to_tile(box))),
        heat=data_uri(_with_heat(tile, window.to_tile(box), heat_map.heat, threshold)) if heat_map else None,
        masks=data_uri(_with_masks(tile, truth, found)),
    )


def colour_scale(steps: int = 12) -> list[str]:
    """Colours of heat from 0 to 1 as CSS, for the legend."""
    table = cv2.applyColorMap(np.linspace(0, 255, steps).round().astype(np.uint8)[None], cv2.COLORMAP_INFERNO)[0]
    return [f"rgb({r} {g} {b})" for b, g, r in table.tolist()]


def _with_boxes(tile: NDArray[np.uint8], own: NDArray[np.float64], expanded: NDArray[np.float64]) -> NDArray[np.uint8]:
    picture = tile.copy()
    for box, colour, width in ((expanded, WHITE, 1), (own, WHITE, 2)):
        x0, y0, x1, y1 = (int(v) for v in np.round(box))
        cv2.rectangle(picture, (x0, y0), (x1 - 1, y1 - 1), BLACK, width + 2, cv2.LINE_AA)
        cv2.rectangle(picture, (x0, y0), (x1 - 1, y1 - 1), colour, width, cv2.LINE_AA)
    return picture


def _with_heat(
    tile: NDArray[np.uint8], box: NDArray[np.float64], heat: NDArray[np.uint8], threshold: float
) -> NDArray[np.uint8]:
    """The heat map in colours over the photo in grey; the photo alone outside of the box."""
    size = heat.shape[0]
    centre = np.arange(TILE) + 0.5
    x = ((centre - box[0]) / (box[2] - box[0]) * size - 0.5).astype(np.float32)
    y = ((centre - box[1]) / (box[3] - box[1]) * size - 0.5).astype(np.float32)
    grid = np.broadcast_to(x, (TILE, TILE)), np.broadcast_to(y[:, None], (TILE, TILE))
    values = cv2.remap(heat, np.array(grid[0]), np.array(grid[1]), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside = (np.abs(grid[0] - (size - 1) / 2) < size / 2) & (np.abs(grid[1] - (size - 1) / 2) < size / 2)
    grey = np.repeat(cv2.cvtColor(tile, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    colour = cv2.cvtColor(cv2.applyColorMap(values, cv2.COLORMAP_INFERNO), cv2.COLOR_BGR2RGB)
    picture = np.where(inside[..., None], 0.35 * grey + 0.65 * colour, 0.6 * grey).round().astype(np.uint8)
    return _outline(picture, inside & (values > 255 * threshold), WHITE, 1)


def _with_masks(tile: NDArray[np.uint8], truth: NDArray[np.bool_], found: NDArray[np.bool_]) -> NDArray[np.uint8]:
    picture = tile.astype(np.float64)
    for region, colour in ((truth & found, AGREED), (truth & ~found, MISSED), (found & ~truth, EXTRA)):
        picture[region] = 0.45 * picture[region] + 0.55 * np.array(colour)
    return _outline(picture.round().astype(np.uint8), truth, WHITE, 2)


def _outline(
    picture: NDArray[np.uint8], mask: NDArray[np.bool_], colour: tuple[int, int, int], width: int
) -> NDArray[np.uint8]:
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(picture, contours, -1, colour, width, cv2.LINE_AA), dtype=np.uint8)
