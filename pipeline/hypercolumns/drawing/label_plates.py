"""Labels of objects drawn on a picture: text on plates in the colours of the objects."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw

from hypercolumns.drawing.colours import BLACK, Colour, Picture, mix, text_colour
from hypercolumns.drawing.labels import Label, place_labels
from hypercolumns.drawing.shapes import blend, dark_edge
from hypercolumns.drawing.text import elide, line_height, text_mask, text_width

SMALLEST_TEXT = 8
"""Smallest size of text in pixels."""
_CROWDED = 0.2
"""Share of the picture from which on labels become smaller."""
_COVERED = 0.5
"""Share of the picture that more than `_FEWEST_LABELS` labels may cover together."""
_FEWEST_LABELS, _MOST_LABELS = 50, 300
"""Labels that are drawn however much they cover, and most labels of a picture."""
_FINE = 4
"""Pixels per side of a pixel when round corners are drawn."""


def text_size(height: int, width: int) -> int:
    """Size in pixels of text that is legible on a picture of this height and width, whether shown as a whole or not.

    Examples
    --------
    >>> text_size(90, 120), text_size(375, 500), text_size(3000, 4000)
    (8, 14, 68)
    """
    return max(round(6 + 0.018 * (height * width) ** 0.5), SMALLEST_TEXT)


def padding(size: int) -> int:
    """Space in pixels to the left and right of text of a size on its plate."""
    return max(round(size / 3), 1)


def draw_labels(
    picture: Picture, texts: Sequence[str], boxes: Sequence[Sequence[float]], colours: Sequence[Colour]
) -> None:
    """Draw the texts that are not empty beside their boxes, with lines to those that are away; see `place_labels`.

    The first 50 texts are drawn in any case. More are drawn as long as all together cover at most half of the picture,
    up to 300.
    """
    shown = [k for k, text in enumerate(texts) if text.strip()][:_MOST_LABELS]
    height, width = picture.shape[:2]
    size = _fitting_size([texts[k] for k in shown], height, width)
    if line_height(size) > height:
        return
    inside = width - 2 * padding(size)
    cut = {k: elide(texts[k].strip(), size, inside) for k in shown}
    shown = [k for k in shown if cut[k]]
    sizes = [plate_size(cut[k], size) for k in shown]
    room = np.cumsum([w * h for w, h in sizes]) <= _COVERED * height * width
    count = max(int(room.sum()), _FEWEST_LABELS)
    shown, sizes = shown[:count], sizes[:count]
    labels = place_labels([boxes[k] for k in shown], sizes, (width, height)) if shown else []
    placed = list(zip(shown, labels, strict=True))
    line = max(round(size / 14), 1)
    for k, label in placed:
        if label.leader:
            _draw_leader(picture, label.leader, colours[k], line)
    for k, label in placed:
        _draw_plate(picture, label, cut[k], size, colours[k])


def plate_size(text: str, size: int) -> tuple[int, int]:
    """Width and height in pixels of the plate of a text in a font of `size` pixels."""
    return text_width(text, size) + 2 * padding(size), line_height(size)


def _fitting_size(texts: Sequence[str], height: int, width: int) -> int:
    """Size of text for a picture, less where many or long labels would cover too much of it, or one is too wide."""
    size = text_size(height, width)
    plates = np.array([plate_size(text, size) for text in texts]).reshape(-1, 2)
    if not len(plates):
        return size
    covered = plates.prod(axis=1).sum() / (_CROWDED * height * width)
    smaller = size * min(1.0, covered**-0.5, width / plates[:, 0].max())
    return max(round(smaller), round(size / 2), SMALLEST_TEXT)


def _draw_leader(picture: Picture, leader: Sequence[float], colour: Colour, line: int) -> None:
    start, end = ((round(leader[k]), round(leader[k + 1])) for k in (0, 2))
    for wide, shade in ((line + 2 * dark_edge(line), mix(colour, BLACK, 0.75)), (line, colour)):
        cv2.line(picture, start, end, shade, wide, cv2.LINE_AA)
        cv2.circle(picture, end, line + wide // 2, shade, -1, cv2.LINE_AA)


def _draw_plate(picture: Picture, label: Label, text: str, size: int, colour: Colour) -> None:
    # Rounding is monotone, so that labels that do not overlap still do not.
    x, y = int(np.floor(label.x + 0.5)), int(np.floor(label.y + 0.5))
    width, height = int(label.width), int(label.height)
    blend(picture, x, y, _rounded(width, height, size / 5), colour)
    blend(picture, x + padding(size), y, text_mask(text, size), text_colour(colour))


def _rounded(width: int, height: int, radius: float) -> NDArray[np.uint8]:
    """Opacity of a rectangle with round corners."""
    fine = PillowImage.new("L", (width * _FINE, height * _FINE))
    ImageDraw.Draw(fine).rounded_rectangle((0, 0, fine.width - 1, fine.height - 1), radius * _FINE, fill=255)
    return np.asarray(fine.resize((width, height), PillowImage.Resampling.BOX))
