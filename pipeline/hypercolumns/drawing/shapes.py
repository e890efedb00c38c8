"""Masks, outlines, skeletons and boxes drawn on a picture in place; light lines lie on dark ones, to show anywhere."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from hypercolumns.drawing.colours import BLACK, Colour, Picture

_FAR = 1e6
"""Coordinates beyond this are moved here; lines stay nearly as they are, and OpenCV does not overflow."""


def dark_edge(width: int) -> int:
    """Pixels by which the dark line below a light one of a width is wider, on either side."""
    return max(width // 2, 1)


def tint(picture: Picture, mask: NDArray[np.bool_], colour: Colour, share: float) -> None:
    """Mix `share` (0 to 1) of a colour into the pixels of a (height, width) mask."""
    values = np.arange(256)[:, None]
    table = np.round((1 - share) * values + share * np.array(colour)).astype(np.uint8)
    cv2.copyTo(cv2.LUT(picture, table[None]), mask.astype(np.uint8), picture)


def draw_outline(
    picture: Picture, mask: NDArray[np.bool_], colour: Colour, width: int, offset: tuple[int, int] = (0, 0)
) -> None:
    """Draw the borders of a mask and its holes; the mask starts at x, y = `offset` of the picture."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE, offset=offset)
    cv2.drawContours(picture, contours, -1, colour, width, cv2.LINE_AA)


def draw_box(picture: Picture, box: Sequence[float], colour: Colour, width: int) -> None:
    """Draw a box x0, y0, x1, y1 (end-exclusive) as a line on a dark one."""
    x0, y0, x1, y1 = np.clip(np.round(box), -_FAR, _FAR).astype(int).tolist()
    last = max(x1 - 1, x0), max(y1 - 1, y0)
    cv2.rectangle(picture, (x0, y0), last, BLACK, width + 2 * dark_edge(width), cv2.LINE_AA)
    cv2.rectangle(picture, (x0, y0), last, colour, width, cv2.LINE_AA)


def draw_skeleton(
    picture: Picture,
    points: NDArray[np.float64],
    present: NDArray[np.bool_],
    skeleton: Sequence[tuple[int, int]],
    limbs: Sequence[Colour],
    dots: Sequence[Colour],
    width: int,
) -> None:
    """Draw keypoints that are present as dots, and limbs between them in the colour of their second end.

    Parameters
    ----------
    picture
        Drawn on in place.
    points
        (k, 2) x, y in pixels; may lie outside the picture.
    present
        (k,) whether a keypoint is drawn.
    skeleton
        Pairs of 1-based keypoint numbers to connect.
    limbs, dots
        Colours of k keypoints.
    width
        Width of a limb in pixels; the radius of a dot is one and a half times as large.
    """
    centres = np.round(np.clip(np.where(present[:, None], points, 0), -_FAR, _FAR)).astype(int).tolist()
    shown = [(a - 1, b - 1) for a, b in skeleton if present[a - 1] and present[b - 1]]
    edge = dark_edge(width)
    for wide, colour in ((width + 2 * edge, BLACK), (width, None)):
        for a, b in shown:
            cv2.line(picture, centres[a], centres[b], colour or limbs[b], wide, cv2.LINE_AA)
    for k in np.flatnonzero(present).tolist():
        cv2.circle(picture, centres[k], round(1.5 * width) + edge, BLACK, -1, cv2.LINE_AA)
        cv2.circle(picture, centres[k], round(1.5 * width), dots[k], -1, cv2.LINE_AA)


def blend(picture: Picture, x: int, y: int, opacity: NDArray[np.uint8], colour: Colour) -> None:
    """Lay a colour over a picture, as opaque (0 to 255) as a (height, width) array at x, y says; it must lie inside."""
    height, width = opacity.shape
    part = picture[y : y + height, x : x + width]
    share = opacity[..., None] / 255
    part[:] = np.round((1 - share) * part + share * np.array(colour)).astype(np.uint8)
