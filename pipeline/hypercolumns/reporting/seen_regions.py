"""A few boxes as the layers of the network see them: blocks of the feature store in colours."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from hypercolumns.annotations.model import AnnotationSet, Image
from hypercolumns.annotations.photographs.reading import read_photograph
from hypercolumns.drawing.colours import Picture
from hypercolumns.exploring.principal_colours import PrincipalColours
from hypercolumns.features.sampling import evenly_spaced
from hypercolumns.features.store import FeatureStore
from hypercolumns.reporting.pictures import TILE, Window, data_uri, draw_all, pixel_uri, resize

REGIONS = 4
"""Regions shown, each of another photograph."""
MOST_CELLS = 128
"""Cells per side of a picture of a layer; those of finer layers are averaged, so that the page stays small."""


@dataclass(frozen=True)
class LayerPicture:
    """A layer in a region, and its map's number of channels, rows and columns."""

    layer: str
    channels: int
    height: int
    width: int
    picture: str
    """A data URI."""


@dataclass(frozen=True)
class SeenRegion:
    """A region with its expanded box as the network sees it, as a data URI, and its layers from fine to coarse."""

    category: str
    file_name: str
    crop: str
    layers: list[LayerPicture]


def see_regions(store: FeatureStore, annotations: AnnotationSet) -> list[SeenRegion]:
    """Draw the layers of at most `REGIONS` regions, in photographs that are evenly spaced over those with a region.

    Of a photograph, the largest annotated instance is shown, or the detection of the highest score where none is
    annotated.

    Raises
    ------
    InputError
        If the store is damaged, or a photograph cannot be read.
    """
    rows = _choose(store, annotations)
    if not rows:
        return []
    with threadpool_limits(1, "blas"):  # the bytes of the page do not depend on the number of cores
        fitted = draw_all(lambda layer: PrincipalColours.of_store(store, layer), store.layers)
        colours = dict(zip(store.layers, fitted, strict=True))
        return [_see(store, annotations, row, colours) for row in rows]


def _choose(store: FeatureStore, annotations: AnnotationSet) -> list[int]:
    """Rows of the regions to show."""
    regions = store.regions
    regions = regions[regions["kind"].isin(["ground_truth", "detection"])]
    annotated = regions["kind"] == "ground_truth"
    area = (regions["x1"] - regions["x0"]) * (regions["y1"] - regions["y0"])
    ranked = regions.assign(annotated=annotated, rank=area.where(annotated, regions["score"]))
    best = ranked.sort_values(["annotated", "rank"], ascending=False, kind="stable").groupby("image").head(1)
    row_of_image = dict(zip(best["image"], best.index, strict=True))
    images = [image.id for image in annotations.images if image.id in row_of_image]
    return [row_of_image[images[k]] for k in evenly_spaced(len(images), REGIONS)]


def _see(
    store: FeatureStore, annotations: AnnotationSet, row: int, colours: Mapping[str, PrincipalColours]
) -> SeenRegion:
    region = store.regions.iloc[row]
    image = annotations.image_by_id[int(region["image"])]
    layers = []
    for layer, principal in colours.items():
        channels, height, width = store.shapes[layer]
        picture = principal.paint(store.read(layer, slice(row, row + 1))[0])
        size = min(width, MOST_CELLS), min(height, MOST_CELLS)
        layers.append(LayerPicture(layer, channels, height, width, pixel_uri(resize(picture, size))))
    crop = _crop(annotations, image, store.expanded_boxes[row])
    return SeenRegion(region["category_name"], image.file_name, data_uri(crop), layers)


def _crop(annotations: AnnotationSet, image: Image, box: NDArray[np.float64]) -> Picture:
    """Stretch a box of a photograph to a tile, as the network's input; grey outside the photograph."""
    x, y = np.floor(box[:2]).astype(int).tolist()
    window = Window(x, y, math.ceil(max(box[2] - x, box[3] - y)))
    tile = window.photo(read_photograph(annotations.image_path(image), image))
    x0, y0, x1, y1 = np.round(window.to_tile(box)).astype(int).tolist()
    return resize(tile[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)], (TILE, TILE))
