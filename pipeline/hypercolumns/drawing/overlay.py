"""A photograph with objects drawn over it: masks, keypoints, parts and labels."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import Part
from hypercolumns.drawing import shapes
from hypercolumns.drawing.colours import BLACK, WHITE, Colour, Picture, mix, palette, shades
from hypercolumns.drawing.label_plates import draw_labels

_MASK_SHARE, _PART_SHARE = 0.45, 0.65
"""Share of the colour in a mask and in a part; the rest is the photograph."""
_FAINTEST = 0.4
"""Opacity of a mask or box of score 0; that of score 1 is 1."""
_SMALL = 24
"""Masks whose root of area is smaller, in units of the line width, have no dark line around the light one."""


@dataclass(frozen=True)
class Figure:
    """An object to draw over a photograph."""

    label: str
    """One line of text; empty for none."""
    box: tuple[float, float, float, float]
    """x0, y0, x1, y1 in pixels; drawn if there is no mask."""
    mask: masks.RLE | None = None
    """Mask of the size of the photograph."""
    keypoints: NDArray[np.float64] | None = None
    """(k, 3) x, y, score in pixels. A keypoint of score 0, at 0, 0 or without finite numbers is absent."""
    skeleton: tuple[tuple[int, int], ...] = ()
    """Pairs of 1-based keypoint numbers to connect."""
    parts: tuple[Part, ...] = ()
    """Named parts with masks of the size of the photograph."""
    score: float = 1.0
    """The lower, the fainter are mask, parts and box; below 0 as 0, above 1 as 1."""
    colour: Colour | None = None
    """None for one that the position of the figure determines."""


def draw_overlay(photograph: NDArray[np.uint8], figures: Sequence[Figure]) -> Picture:
    """Draw objects over a photograph, each in a colour that its position in `figures` determines, if it has none.

    Large masks lie below small ones, and labels, whose size follows that of the photograph, above all. Parts of the
    same name have the same shade of the colours of their objects. Low scores make masks, parts and boxes faint, but
    neither keypoints nor labels. Where labels would cover too much of the photograph, the last figures have none; see
    `draw_labels`. A photograph that is lower than the smallest line of text has no labels.

    Parameters
    ----------
    photograph
        (height, width, 3) RGB, or (height, width) or (height, width, 1) grey; not changed.
    figures
        The objects, the most important ones first; this order does not decide which mask lies above.

    Returns
    -------
    (height, width, 3) RGB.

    Raises
    ------
    ValueError
        If the photograph, a mask or keypoints have another shape than these, or a box or score is not finite.
    """
    original = _as_rgb(photograph)
    height, width = original.shape[:2]
    _check(figures, height, width)
    line = max(round((height * width) ** 0.5 / 400), 1)
    colours = [figure.colour or own for figure, own in zip(figures, palette(len(figures)), strict=True)]
    boxes = [_visible_box(figure) for figure in figures]
    picture = original.copy()
    sizes = [
        masks.area(figure.mask) if figure.mask else (x1 - x0) * (y1 - y0)
        for figure, (x0, y0, x1, y1) in zip(figures, boxes, strict=True)
    ]
    names = sorted({part.name for figure in figures for part in figure.parts})
    for k in sorted(range(len(figures)), key=lambda k: -sizes[k]):
        figure = figures[k]
        corners = [boxes[k], *(masks.box(part.segmentation) for part in figure.parts)]
        window = _window(corners, 2 * line + 2, height, width)
        below = picture[window].copy()
        if figure.mask and sizes[k]:
            _draw_mask(picture, original, figure.mask, colours[k], _MASK_SHARE, line)
        else:
            shapes.draw_box(picture, figure.box, colours[k], line)
        part_colours = dict(zip(names, shades(colours[k], len(names)), strict=True))
        for part in figure.parts:
            _draw_mask(picture, original, part.segmentation, part_colours[part.name], _PART_SHARE, 0)
        _fade(picture[window], below, _FAINTEST + (1 - _FAINTEST) * min(max(figure.score, 0.0), 1.0))
    for figure, colour in zip(figures, colours, strict=True):
        if figure.keypoints is not None:
            _draw_keypoints(picture, figure, colour, line)
    draw_labels(picture, [figure.label for figure in figures], boxes, colours)
    return picture


def _as_rgb(photograph: NDArray[np.uint8]) -> Picture:
    shape = photograph.shape
    if photograph.dtype != np.uint8 or not (len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3))) or 0 in shape:
        raise ValueError(
            f"A photograph is (height, width, 3) or (height, width) uint8, not {shape} {photograph.dtype}."
        )
    planes = photograph.reshape(*shape[:2], -1)
    return np.ascontiguousarray(np.broadcast_to(planes, (*shape[:2], 3)))


def _check(figures: Sequence[Figure], height: int, width: int) -> None:
    for figure in figures:
        codes = [figure.mask] if figure.mask else []
        for code in codes + [part.segmentation for part in figure.parts]:
            if list(code["size"]) != [height, width]:
                raise ValueError(
                    f"A mask of {figure.label!r} has height and width {code['size']}, not {[height, width]}."
                )
        if not np.isfinite([*figure.box, figure.score]).all():
            raise ValueError(f"The box or score of {figure.label!r} is not finite.")
        if figure.keypoints is not None and (figure.keypoints.ndim != 2 or figure.keypoints.shape[1] != 3):
            raise ValueError(f"Keypoints of {figure.label!r} have shape {figure.keypoints.shape}, not (k, 3).")


def _visible_box(figure: Figure) -> tuple[float, float, float, float]:
    """The tight box of the mask, or the given one if there is no mask or an empty one."""
    return masks.box(figure.mask) if figure.mask and masks.area(figure.mask) else figure.box


def _window(corners: Sequence[Sequence[float]], margin: int, height: int, width: int) -> tuple[slice, slice]:
    """Rows and columns of a picture that boxes x0, y0, x1, y1 and a margin around all of them cover."""
    x0, y0 = np.floor(np.min(corners, axis=0)[:2]) - margin
    x1, y1 = np.ceil(np.max(corners, axis=0)[2:]) + margin
    left, right = np.clip((x0, x1), 0, width).astype(int).tolist()
    top, bottom = np.clip((y0, y1), 0, height).astype(int).tolist()
    return slice(top, bottom), slice(left, right)


def _fade(part: Picture, below: Picture, opacity: float) -> None:
    """Bring part of a picture closer to what was below the last figure drawn on it."""
    if opacity < 1 and part.size:
        part[:] = cv2.addWeighted(below, 1 - opacity, part, opacity, 0)


def _draw_mask(picture: Picture, original: Picture, code: masks.RLE, colour: Colour, share: float, line: int) -> None:
    """Tint the photograph in a mask and outline it; a line of width 0 is a thin dark one."""
    x0, y0, x1, y1 = map(int, masks.box(code))
    if x0 == x1:
        return
    mask = np.ascontiguousarray(masks.decode(code)[y0:y1, x0:x1])
    part = original[y0:y1, x0:x1].copy()
    shapes.tint(part, mask, colour, share)
    cv2.copyTo(part, mask.astype(np.uint8), picture[y0:y1, x0:x1])
    if not line:
        shapes.draw_outline(picture, mask, mix(colour, BLACK, 0.6), 1, (x0, y0))
        return
    if masks.area(code) ** 0.5 >= _SMALL * line:
        shapes.draw_outline(picture, mask, mix(colour, BLACK, 0.75), line + 2 * shapes.dark_edge(line), (x0, y0))
    shapes.draw_outline(picture, mask, mix(colour, WHITE, 0.25), line, (x0, y0))


def _draw_keypoints(picture: Picture, figure: Figure, colour: Colour, line: int) -> None:
    keypoints = np.asarray(figure.keypoints, dtype=np.float64)
    present = np.isfinite(keypoints).all(axis=1) & (keypoints[:, 2] > 0) & (keypoints[:, :2] != 0).any(axis=1)
    limbs, dots = [colour] * len(keypoints), [mix(colour, WHITE, 0.6)] * len(keypoints)
    shapes.draw_skeleton(picture, keypoints[:, :2], present, figure.skeleton, limbs, dots, line + 1)
