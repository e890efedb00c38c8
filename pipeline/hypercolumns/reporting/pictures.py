"""Square windows of photographs and data URIs, which all pictures on the page share."""

import base64
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Image
from hypercolumns.annotations.photographs.reading import read_photograph
from hypercolumns.drawing.colours import Picture

Item = TypeVar("Item")
Drawn = TypeVar("Drawn")
TILE = 288
"""Side of a square picture in pixels."""
PER_PHOTOGRAPH = 2
"""Predictions shown per photograph, on average, where annotations do not tell how many to expect."""
MARGIN = 1.12
"""Side of the window as a multiple of the longer side of the box."""


@dataclass(frozen=True)
class Window:
    """The square of an image that a tile shows: its upper left corner and its side, in pixels of the image."""

    x: int
    y: int
    side: int

    @classmethod
    def around(cls, box: NDArray[np.float64], width: int, height: int) -> "Window":
        """Place a window around `box` with a margin, and move it inside the image if it fits."""
        side = max(int(np.ceil(MARGIN * max(box[2] - box[0], box[3] - box[1]))), 8)
        start = [(box[0] + box[2] - side) / 2, (box[1] + box[3] - side) / 2]
        x, y = (
            round(min(max(v, 0), size - side) if side <= size else (size - side) / 2)
            for v, size in zip(start, (width, height), strict=True)
        )
        return cls(x, y, side)

    def photo(self, picture: Picture) -> Picture:
        """Cut the window from a photograph and scale it to a tile; grey outside the image."""
        return self._cut(picture, 128, cv2.INTER_AREA if self.side > TILE else cv2.INTER_CUBIC)

    def mask(self, code: masks.RLE) -> NDArray[np.bool_]:
        """Cut the window from a mask of the image and scale it to a (TILE, TILE) tile."""
        return self._cut(masks.decode(code).astype(np.uint8), 0, cv2.INTER_NEAREST).astype(bool)

    def _cut(self, picture: NDArray[np.uint8], outside: int, interpolation: int) -> NDArray[np.uint8]:
        height, width = picture.shape[:2]
        x0, y0, x1, y1 = max(self.x, 0), max(self.y, 0), min(self.x + self.side, width), min(self.y + self.side, height)
        tile = np.full((TILE, TILE, *picture.shape[2:]), outside, dtype=np.uint8)
        left, top, right, bottom = self.to_tile(np.array([x0, y0, x1, y1])).round().astype(int).tolist()
        if left < right and top < bottom:  # a window may be much larger than the image
            size = right - left, bottom - top
            tile[top:bottom, left:right] = cv2.resize(picture[y0:y1, x0:x1], size, interpolation=interpolation)
        return tile

    def to_tile(self, box: NDArray[np.float64]) -> NDArray[np.float64]:
        """Convert a box from pixels of the image to pixels of the tile."""
        return (np.asarray(box) - [self.x, self.y, self.x, self.y]) * TILE / self.side


def cut_tile(annotations: AnnotationSet, image: Image, box: NDArray[np.float64]) -> tuple[Window, Picture]:
    """Place a window around a box, and cut its tile from the photograph."""
    window = Window.around(box, image.width, image.height)
    return window, window.photo(read_photograph(annotations.image_path(image), image))


def resize(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize (height, width) or (height, width, 3) to a width and height in pixels."""
    interpolation = cv2.INTER_AREA if size[0] < picture.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, size, interpolation=interpolation), dtype=np.uint8)


def data_uri(picture: Picture) -> str:
    """Encode a picture as a data URI with WebP."""
    _, code = cv2.imencode(".webp", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_WEBP_QUALITY, 72])
    return "data:image/webp;base64," + base64.b64encode(code.tobytes()).decode("ascii")


def pixel_uri(picture: Picture) -> str:
    """Encode a picture of few pixels as a data URI with PNG, which keeps each of them."""
    _, code = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    return "data:image/png;base64," + base64.b64encode(code.tobytes()).decode("ascii")


def draw_all(draw: Callable[[Item], Drawn], items: Iterable[Item]) -> list[Drawn]:
    """Call `draw` on all items, in threads on all cores, and return the results in order.

    Threads run in parallel here because OpenCV releases Python's global lock.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(draw, items))
