"""Label images: masks whose pixels are numbers of objects or classes, stored as numbers or as colours for them."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.photographs.opening import open_image, verify
from hypercolumns.errors import InputError

VOID = 255
"""Value of pixels that belong neither to an object nor to the background."""

Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""


def voc_colour(value: int) -> Colour:
    """VOC's colour of a number: the bits of the number, spread over red, green and blue from the highest bit on.

    Examples
    --------
    >>> [voc_colour(value) for value in (0, 1, 2, 3, 255)]
    [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0), (224, 224, 192)]
    """
    red, green, blue = (
        sum((value >> (3 * place + channel) & 1) << (7 - place) for place in range(3)) for channel in range(3)
    )
    return red, green, blue


VOC_COLOURS: Mapping[Colour, int] = {voc_colour(value): value for value in range(VOID + 1)}
"""The numbers that VOC's colours stand for."""

_BLOCK = 2**22
"""Pixels of a block of rows."""

_FORMATS = ("PNG", "BMP", "TIFF")
"""Formats of masks, whatever their suffix; others may be lossy."""

_CURE = "Save it as a palette or an 8-bit grey PNG with the numbers 1, 2, ..., and 0 for the background"


def read_numbers(path: Path) -> NDArray[np.uint8]:
    """Read a mask of object numbers as a (height, width) array; in an image with colours they must be VOC's.

    Raises
    ------
    InputError
        If the file is missing, broken or of an unusable mode, has numbers above 255 or a colour that is not VOC's, or
        holds only 0 and 255.
    """
    pixels, palette = _read(path)
    if pixels.ndim == 3:
        numbers = _decode(pixels, VOC_COLOURS, path, "VOC's palette", _CURE)
    else:
        numbers = _by_palette(palette, np.unique(pixels).tolist())[pixels]
    refuse_binary(numbers, path, "objects")
    return numbers


def read_classes(path: Path, colours: Mapping[Colour, int], source: str) -> NDArray[np.uint8]:
    """Read a mask of class numbers as a (height, width) array.

    Parameters
    ----------
    path
        The mask.
    colours
        The classes that colours stand for. In an image with a palette, or of grey, the colours in it are replaced by
        their classes and other values are classes already. If empty, an image with colours must have VOC's.
    source
        Where `colours` come from, for messages.

    Raises
    ------
    InputError
        If the file is missing, broken or of an unusable mode, has numbers above 255 or an unknown colour, or a palette
        that contradicts `colours`.
    """
    pixels, palette = _read(path)
    if pixels.ndim == 3:
        cure = f"{_CURE}, or give the colour a class in labelmap.txt"
        return _decode(pixels, colours or VOC_COLOURS, path, source if colours else "VOC's palette", cure)
    used = np.unique(pixels).tolist()
    if not colours:
        return _by_palette(palette, used)[pixels]
    return _classes_of_palette(palette, used, colours, path, source)[pixels]


def row_blocks(pixels: NDArray[np.generic]) -> Iterator[slice]:
    """Blocks of rows of an array (height, width, ...), so that sums over large masks do not take memory for all."""
    rows = max(1, _BLOCK // pixels.shape[1])
    return (slice(start, start + rows) for start in range(0, len(pixels), rows))


def refuse_binary(values: NDArray[np.uint8], path: Path, what: str) -> None:
    """Refuse a mask with the values 0 and 255 only; `what` says what it should number.

    Raises
    ------
    InputError
        Saying that 255 is void.
    """
    if (values == VOID).any() and np.isin(values, (0, VOID)).all():
        raise InputError(
            f"The mask {path} holds only 0 and {VOID}, and {VOID} is void, so that it has no {what}. It is probably a "
            f"black and white mask: number the {what} 1, 2, ... instead."
        )


def _read(path: Path) -> tuple[NDArray[np.uint8], list[Colour]]:
    """Read a mask as (height, width) numbers, with their colours, or as (height, width, 3) colours."""
    with open_image(path, "mask") as image:
        kind = image.info.get("compression") if image.format == "TIFF" else image.format
        if image.format not in _FORMATS or kind == "jpeg":
            raise InputError(f"The mask {path} is stored as {kind}, which may change values. {_CURE}.")
        if getattr(image, "n_frames", 1) > 1:
            raise InputError(f"The mask {path} has several frames or pages. {_CURE}.")
        verify(path, image)
        if image.mode in ("RGB", "RGBA"):
            return np.asarray(image if image.mode == "RGB" else image.convert("RGB")), []
        if image.mode in ("P", "PA"):
            flat = iter(image.getpalette() or ())
            return np.asarray(image.getchannel(0)), list(zip(flat, flat, flat, strict=False))
        if image.mode not in ("1", "L", "LA") and not image.mode.startswith("I"):
            raise InputError(f"The mask {path} has mode {image.mode!r}, whose values are not numbers. {_CURE}.")
        # Pillow scales greys of 1, 2 and 4 bits to 0 ... 255, and a mask has the numbers that are stored.
        stored_as = {str(tile[3]) for tile in getattr(image, "tile", ())}
        step = 255 if image.mode == "1" else 85 if "L;2" in stored_as else 17 if "L;4" in stored_as else 1
        values = np.asarray(image.getchannel(0).convert("L") if image.mode in ("1", "LA") else image)
    for value in (values.min(), values.max()):
        if not 0 <= value <= VOID:
            raise InputError(
                f"The mask {path} holds the value {value}; numbers are 0 to {VOID}, {VOID} for void. {_CURE}."
            )
    greys = [min(value * step, 255) for value in range(256)]
    return (values // step).astype(np.uint8), list(zip(greys, greys, greys, strict=True))


def _decode(
    pixels: NDArray[np.uint8], colours: Mapping[Colour, int], path: Path, source: str, cure: str
) -> NDArray[np.uint8]:
    """Replace the colours of an image (height, width, 3) by the numbers they stand for."""
    table = np.zeros(1 << 24, dtype=np.uint16)  # number + 1 by colour; 0 for unknown ones
    for (red, green, blue), number in colours.items():
        table[red << 16 | green << 8 | blue] = number + 1
    numbers = np.empty(pixels.shape[:2], dtype=np.uint8)
    for block in row_blocks(pixels):
        codes = pixels[block].astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], dtype=np.uint32)
        found = table[codes]
        unknown = np.unique(codes[found == 0]).tolist()
        if unknown:
            first = unknown[0]
            raise InputError(
                f"The mask {path} has the colour {first >> 16},{first >> 8 & 255},{first & 255}"
                + (f" (and {len(unknown) - 1} more)" if len(unknown) > 1 else "")
                + f" that {source} does not have. {cure}; smoothing or JPEG compression adds colours that mean nothing."
            )
        numbers[block] = found - 1
    return numbers


def _by_palette(palette: list[Colour], used: list[int]) -> NDArray[np.uint8]:
    """The number of each value 0 ... 255 of an image: the value itself, or that of its colour in a sorted palette.

    Programs that save an image with few colours sort its palette, so that the values no longer are the numbers that
    VOC's colours stand for. Greys are no such palette: VOC has four of them.
    """
    numbers = np.arange(256, dtype=np.uint8)
    shown = [palette[value] if value < len(palette) else None for value in used]
    is_vocs = all(colour in VOC_COLOURS for colour in shown) and len(set(shown)) == len(shown)
    if is_vocs and any(len(set(colour)) > 1 for colour in shown if colour):
        numbers[used] = [VOC_COLOURS[colour] for colour in shown if colour]
    return numbers


def _classes_of_palette(
    palette: list[Colour], used: list[int], colours: Mapping[Colour, int], path: Path, source: str
) -> NDArray[np.uint8]:
    """The class of each value 0 ... 255 of an image: that of its colour if it has one, else the value itself."""
    classes = np.arange(256, dtype=np.uint8)
    shown = {value: palette[value] for value in used if value < len(palette)}
    # A palette that gives several values one colour was not made to tell classes apart.
    if len(set(shown.values())) < len(shown):
        return classes
    for value, colour in shown.items():
        classes[value] = colours.get(colour, value)
    for value in used:
        others = [other for other in used if other != value and classes[other] == classes[value] not in (0, VOID)]
        if others:
            raise InputError(
                f"The values {value} and {others[0]} of the mask {path} both mean the class {classes[value]}: "
                f"{source} gives it the colour that one of them has in the palette of the mask. "
                "Make the palette and the colours agree."
            )
    return classes
