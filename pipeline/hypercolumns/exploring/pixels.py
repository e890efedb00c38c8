"""How similar the hypercolumn of one pixel is to those of all pixels of some regions, in numbers and as a picture."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hypercolumns.drawing.colours import GROUND, WHITE, Picture
from hypercolumns.drawing.heat import draw_heat
from hypercolumns.errors import InputError, choices, counted
from hypercolumns.features.sampling import evenly_spaced
from hypercolumns.features.store import FeatureStore

SIZE = 28
"""Locations per side of a region. Ours."""

TILE = 168
"""Side of a region in the picture, in pixels; a multiple of SIZE."""

PER_LINE = 6
"""Regions side by side."""

BRIGHTEST = 0.005
"""Share of the pixels that have the brightest colour. Ours."""

MOST_BYTES = 1 << 30
"""Largest size of all hypercolumns together. Ours."""

_LEAST_DEVIATION = 1e-4
"""Standard deviation over mean of a channel below which it does not vary, but for rounding."""

_LEAST_LENGTH = 1e-6


@dataclass(frozen=True)
class PixelSimilarity:
    """Hypercolumns of some rows of a store, each of length one, and the crops that they were computed from.

    Attributes
    ----------
    columns
        (region, SIZE, SIZE, channel) hypercolumns whose channels have been centred and scaled over all regions.
    crops
        (region, TILE, TILE, 3) RGB.
    layers
        Layers that the hypercolumns consist of.
    """

    columns: NDArray[np.float32]
    crops: NDArray[np.uint8]
    layers: tuple[str, ...]

    @classmethod
    def of_store(
        cls, store: FeatureStore, rows: Sequence[int], layers: Sequence[str] | None = None
    ) -> "PixelSimilarity":
        """Compute the hypercolumns of some rows; all are in memory, 3 kB for each channel of a row.

        Parameters
        ----------
        rows
            Numbers of the rows, one or more.
        layers
            None for all layers with a map: others are the same at all pixels of a region.

        Raises
        ------
        InputError
            When the store has no such row or layer, the hypercolumns would take more than `MOST_BYTES`, or the
            photographs cannot be read.
        """
        maps = [layer for layer, (_, height, width) in store.shapes.items() if height * width > 1]
        chosen = tuple(layers or maps or store.layers)
        lazy = store.hypercolumns(rows, SIZE, layers=chosen)
        if lazy.nbytes > MOST_BYTES:
            raise InputError(
                f"The hypercolumns of {counted(len(rows), 'region')} with {lazy.shape[-1]} channels would take "
                f"{lazy.nbytes / 1e9:.1f} GB, and at most {MOST_BYTES / 1e9:.1f} GB are used: choose fewer regions or "
                f"layers ({choices(chosen)})."
            )
        crops = [cv2.resize(store.crop(row), (TILE, TILE), interpolation=cv2.INTER_AREA) for row in rows]
        columns = _standardised(lazy.compute())
        columns /= np.linalg.norm(columns, axis=-1, keepdims=True) + _LEAST_LENGTH
        return cls(columns, np.array(crops, dtype=np.uint8), chosen)

    def cosines_with(self, region: int, y: int, x: int) -> NDArray[np.float32]:
        """Cosines (region, SIZE, SIZE) from -1 to 1 with the pixel at line y and column x, below SIZE, of a region."""
        cosines: NDArray[np.float32] = self.columns @ self.columns[region, y, x]
        return cosines

    def draw(self, pixel: tuple[int, int, int] | None = None) -> Picture:
        """Draw all regions, PER_LINE side by side, and over them the similarity to a pixel: region, y and x < SIZE.

        Without a pixel, the crops alone. The most similar pixels, `BRIGHTEST` of all, have the brightest colour;
        cosines below 0 have none.
        """
        tiles = list(self.crops)
        if pixel is not None:
            cosines = self.cosines_with(*pixel)
            shares = cosines / max(float(np.quantile(cosines, 1 - BRIGHTEST)), _LEAST_LENGTH)
            tiles = [self._over(crop, heat) for crop, heat in zip(self.crops, shares, strict=True)]
            region, y, x = pixel
            centre = (round((x + 0.5) * TILE / SIZE), round((y + 0.5) * TILE / SIZE))
            cv2.circle(tiles[region], centre, 4, WHITE, 2, cv2.LINE_AA)
        columns, lines = min(len(tiles), PER_LINE), -(-len(tiles) // PER_LINE)
        sheet = np.empty((lines * TILE, columns * TILE, 3), np.uint8)
        sheet[:] = GROUND
        for k, tile in enumerate(tiles):
            line, column = divmod(k, PER_LINE)
            sheet[line * TILE : (line + 1) * TILE, column * TILE : (column + 1) * TILE] = tile
        return sheet

    def pixel_at(self, x: int, y: int) -> tuple[int, int, int] | None:
        """Find the pixel (region, y, x) below a point of the picture; None where there is no region."""
        column, line = x // TILE, y // TILE
        region = line * PER_LINE + column
        inside = 0 <= column < PER_LINE and line >= 0 and region < len(self.crops)
        return (region, y % TILE * SIZE // TILE, x % TILE * SIZE // TILE) if inside else None

    @staticmethod
    def _over(crop: Picture, heat: NDArray[np.float32]) -> Picture:
        large = cv2.resize(heat, (TILE, TILE), interpolation=cv2.INTER_LINEAR)
        return draw_heat(crop, np.clip(large, 0, 1))


def rows_to_explore(store: FeatureStore, most: int) -> list[int]:
    """Choose at most `most` rows, evenly spaced over the annotated objects, or over all rows if there are none."""
    annotated = np.flatnonzero(store.regions["kind"] == "ground_truth")
    rows = annotated if len(annotated) else np.arange(len(store))
    chosen: list[int] = rows[evenly_spaced(len(rows), most)].tolist()
    return chosen


def _standardised(columns: NDArray[np.float32]) -> NDArray[np.float32]:
    """Centre and scale the channels of (region, y, x, channel) over all pixels, in place; 0 where one does not vary."""
    pixels = (0, 1, 2)
    mean = columns.mean(axis=pixels, dtype=np.float64)
    columns -= mean.astype(np.float32)
    deviation = np.sqrt(np.einsum("nyxc,nyxc->c", columns, columns) / columns[..., 0].size)
    varies = deviation > _LEAST_DEVIATION * np.abs(mean)
    columns *= np.where(varies, 1 / np.where(varies, deviation, 1), 0).astype(np.float32)
    return columns
