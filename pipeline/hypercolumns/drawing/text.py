"""Lines of text as grey pictures, with fonts that come with the libraries, so that they look alike everywhere.

Pillow's font (Aileron) has the characters of ASCII and a few more. A line with any other character is drawn with
OpenCV's fonts, from OpenCV 5 on: they have Latin letters with accents, Greek, Cyrillic, Chinese, Japanese and Korean;
Arabic letters appear one by one. A character that neither has, such as those of Thai or pictographs, appears as an
empty box. With OpenCV 4, accents are left out and all other characters appear as crossed boxes.
"""

import unicodedata
from bisect import bisect_right
from functools import lru_cache
from threading import Lock
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageDraw, ImageFont

_BOX = "\u25a1"
"""Stands for a character that OpenCV's fonts lack; they show a question mark, which could be meant."""
_ABSENT = "\uffff"
"""A code point that no font has."""
_TEST_SIZE = 20
_COARSE = 18
"""Sizes of text below this are coarse: a pixel is a large part of a space."""
_OPENCV = Lock()
"""OpenCV's fonts hold a cache, and drawing releases Python's global lock."""


def line_height(size: int) -> int:
    """Height in pixels of a line of text in a font of `size` pixels."""
    return sum(_font(size).getmetrics())


def baseline(size: int) -> int:
    """Distance in pixels of the baseline from the top of a line of text in a font of `size` pixels."""
    return _font(size).getmetrics()[0]


def text_width(text: str, size: int) -> int:
    """Width in pixels of a line of text in a font of `size` pixels."""
    return text_mask(text, size).shape[1]


@lru_cache(maxsize=512)
def text_mask(text: str, size: int) -> NDArray[np.uint8]:
    """Draw a line of text.

    Parameters
    ----------
    text
        One line; control characters become spaces.
    size
        Size of the font in pixels.

    Returns
    -------
    (line_height(size), width) opacity from 0 to 255; read-only.
    """
    text = unicodedata.normalize("NFC", "".join(c if c.isprintable() else " " for c in text))
    if not all(map(_pillow_has, text)):
        if hasattr(cv2, "FontFace"):
            text = "".join(c if _opencv_has(c) else _BOX for c in text)
            mask = _draw_with_opencv(text, size)
        else:
            mask = _draw_with_pillow("".join(map(_without_accent, text)), size)
    else:
        mask = _draw_with_pillow(text, size)
    mask.setflags(write=False)
    return mask


@lru_cache(maxsize=4096)
def elide(text: str, size: int, width: int) -> str:
    """Cut a text to a width in pixels, with an ellipsis at its end; empty if not even that has room."""
    text, shortened = text[: max(width, 1)], len(text) > max(width, 1)  # no more letters than pixels are drawn
    if not shortened and text_width(text, size) <= width:
        return text

    def cut(length: int) -> str:
        return f"{text[:length].rstrip()}…"

    length = bisect_right(range(1, len(text)), width, key=lambda length: text_width(cut(length), size))
    return cut(length) if length else ""


@lru_cache(maxsize=16)
def _font(size: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size=size)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise RuntimeError("Pillow was built without FreeType, which draws text.")
    return font


@lru_cache(maxsize=4096)
def _pillow_has(character: str) -> bool:
    font = _font(_TEST_SIZE)
    return bytes(font.getmask(character)) != bytes(font.getmask(_ABSENT))


@lru_cache(maxsize=4096)
def _opencv_has(character: str) -> bool:
    drawn, unknown = _draw_with_opencv(character, _TEST_SIZE), _draw_with_opencv("?", _TEST_SIZE)
    return character == "?" or not np.array_equal(drawn, unknown)


def _without_accent(character: str) -> str:
    """The letter below an accent, if Pillow's font has it; otherwise the character."""
    letter = unicodedata.normalize("NFKD", character)[0]
    return letter if _pillow_has(letter) else character


def _draw_with_pillow(text: str, size: int) -> NDArray[np.uint8]:
    """Draw larger and shrink, since letters of few pixels are moved to whole pixels, which closes spaces."""
    scale = 4 if size < _COARSE else 1
    font = _font(scale * size)
    width, height = max(int(np.ceil(font.getlength(text) / scale)), 1), line_height(size)
    canvas = PillowImage.new("L", (scale * width, scale * height))
    ImageDraw.Draw(canvas).text((0, scale * baseline(size)), text, fill=255, font=font, anchor="ls")
    return np.array(canvas.resize((width, height), PillowImage.Resampling.BOX))


@lru_cache(maxsize=1)
def _opencv_font() -> Any:
    return cv2.FontFace("sans")


def _draw_with_opencv(text: str, size: int) -> NDArray[np.uint8]:
    with _OPENCV:
        x, _, width, _ = cv2.getTextSize((0, 0), text, (0, 0), _opencv_font(), size, 400)
        canvas = np.zeros((line_height(size), max(x + width, 1), 3), dtype=np.uint8)
        cv2.putText(canvas, text, (0, baseline(size)), (255, 255, 255), _opencv_font(), size, 400)
    return np.ascontiguousarray(canvas[..., 0])
