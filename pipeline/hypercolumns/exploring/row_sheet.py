"""One picture of a row of a store: its photograph and crop, what each layer saw, and the heat of a trained model."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from threadpoolctl import threadpool_limits

from hypercolumns.drawing.colours import GROUND, WHITE, Picture
from hypercolumns.drawing.heat import draw_heat
from hypercolumns.drawing.shapes import blend, draw_box
from hypercolumns.drawing.text import elide, line_height, text_mask
from hypercolumns.errors import InputError, choices
from hypercolumns.exploring.principal_colours import PrincipalColours
from hypercolumns.features.origin import fits, origin_of, require_origin
from hypercolumns.features.photographs import workspace_of
from hypercolumns.features.schema import BOX
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.model import GridModel
from hypercolumns.grid.scoring import heat_maps

TILE = 256
"""Side of a tile in pixels."""
_PER_LINE = 3
_MARGIN = 12
_TEXT = 20
"""Legible also where the picture is as wide as a phone."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Tile:
    """A picture of TILE x TILE pixels with a line of text above it."""

    label: str
    picture: Picture


def draw_row(store: FeatureStore, row: int, model: GridModel | None = None, target: str | None = None) -> Picture:
    """Draw what a store has of a row.

    Tiles show the photograph with the box and the expanded box, the crop as the network saw it, every layer in the
    colours of `PrincipalColours`, and the probability of a target. Cells of a layer are drawn as they are, so that its
    resolution is seen.

    Parameters
    ----------
    model
        Grids of a task, trained on the features of this network; None for no heat.
    target
        Name of one of the targets of the model; None for its first.

    Returns
    -------
    (height, width, 3) RGB.

    Raises
    ------
    InputError
        When there is no such row, the photograph cannot be read, or the model lacks the target or the row's category,
        or was trained on other features.
    """
    row = store.row_number(row)
    with threadpool_limits(1, "blas"):  # colours as on the page of the report, whatever the number of cores
        return _draw_row(store, row, model, target)


def _draw_row(store: FeatureStore, row: int, model: GridModel | None, target: str | None) -> Picture:
    crop = _fit(store.crop(row), cv2.INTER_CUBIC)
    tiles = [Tile("photograph", _photograph(store, row)), Tile("crop", crop)]
    for layer, shape in store.shapes.items():
        colours = PrincipalColours.of_store(store, layer).paint(store.read(layer, slice(row, row + 1))[0])
        label = f"{layer}  {' x '.join(map(str, shape))}"
        tiles.append(Tile(label, _fit(colours, cv2.INTER_NEAREST)))
    if model is not None:
        tiles.append(_heat(store, row, model, target, crop))
    return _sheet(_title(store, row), tiles)


def model_beside(store: FeatureStore, row: int) -> GridModel | None:
    """The grids for masks of the workspace that a store lies in; None if there are none that fit the row.

    They fit if they were trained on the features of the same network, on layers of the store and for the category of
    the row.

    Raises
    ------
    InputError
        When there is no such row, or the model is damaged or of another version.
    """
    row = store.row_number(row)
    workspace = workspace_of(store.path)
    if workspace is None or not workspace.model("segmentation").exists():
        return None
    path = workspace.model("segmentation")
    model = GridModel.open(path)
    known = int(store.regions["category"].iloc[row]) in model.group_of_category
    has_layers = set(model.spec.layers) <= set(store.layers)
    if not (known and has_layers and fits(model.features, origin_of(store.attributes))):
        logger.info("No heat map: %s was trained on other features, or without the category of the row.", path)
        return None
    return model


def _title(store: FeatureStore, row: int) -> str:
    region = store.regions.iloc[row]
    kind = region["kind"].replace("_", " ")
    title = f"row {row}: {region['category_name']}, {kind}, {store.photograph_name(row)}"
    if region["kind"] == "ground_truth":  # compared with itself
        return title
    return f"{title}, IoU {region['iou']:.2f}, score {region['score']:.2f}"


def _photograph(store: FeatureStore, row: int) -> Picture:
    """The photograph in the middle of a tile, with the box of the row in white within its expanded box."""
    photograph = store.photo(row)
    height, width = photograph.shape[:2]
    scale = TILE / max(height, width)
    size = max(round(scale * width), 1), max(round(scale * height), 1)
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = np.asarray(cv2.resize(photograph, size, interpolation=interpolation), dtype=np.uint8)
    x0, y0, x1, y1 = store.expanded_boxes[row].tolist()  # of a mirrored row, x0 is the right side
    for box, line in (((min(x0, x1), y0, max(x0, x1), y1), 1), (store.regions[BOX].iloc[row], 2)):
        draw_box(small, [scale * side for side in box], WHITE, line)
    tile = np.empty((TILE, TILE, 3), np.uint8)
    tile[:] = GROUND
    top, left = (TILE - size[1]) // 2, (TILE - size[0]) // 2
    tile[top : top + size[1], left : left + size[0]] = small
    return tile


def _heat(store: FeatureStore, row: int, model: GridModel, target: str | None, crop: Picture) -> Tile:
    """The probability of a target over the crop."""
    require_origin(model.features, origin_of(store.attributes), "The model", "train")
    name = model.targets[0] if target is None else target
    if name not in model.targets:
        raise InputError(f"The model has no target {name!r}; it has {choices(model.targets)}.")
    region = store.regions.iloc[row]
    group = model.group_of_category.get(int(region["category"]))
    if group is None:
        raise InputError(f"The model was not trained for the category {region['category_name']!r} of row {row}.")
    blocks = {layer: store.read(layer, slice(row, row + 1)) for layer in model.spec.layers}
    heat = heat_maps(model, group, blocks)[0, model.targets.index(name)]
    large = np.clip(cv2.resize(heat, (TILE, TILE), interpolation=cv2.INTER_LINEAR), 0, 1)
    return Tile(f"heat: {name}", draw_heat(crop, large))


def _fit(picture: Picture, interpolation: int) -> Picture:
    return np.asarray(cv2.resize(picture, (TILE, TILE), interpolation=interpolation), dtype=np.uint8)


def _sheet(title: str, tiles: Sequence[Tile]) -> Picture:
    """Lay out tiles in lines below a title."""
    text = line_height(_TEXT) + 4
    step_x, step_y = TILE + _MARGIN, TILE + text + _MARGIN
    columns, lines = min(len(tiles), _PER_LINE), -(-len(tiles) // _PER_LINE)
    sheet = np.empty((text + 2 * _MARGIN + lines * step_y, _MARGIN + columns * step_x, 3), np.uint8)
    sheet[:] = GROUND
    blend(sheet, _MARGIN, _MARGIN, text_mask(elide(title, _TEXT, sheet.shape[1] - 2 * _MARGIN), _TEXT), WHITE)
    for k, tile in enumerate(tiles):
        x, y = _MARGIN + k % _PER_LINE * step_x, text + 2 * _MARGIN + k // _PER_LINE * step_y
        blend(sheet, x, y, text_mask(elide(tile.label, _TEXT, TILE), _TEXT), WHITE)
        sheet[y + text : y + text + TILE, x : x + TILE] = tile.picture
    return sheet
