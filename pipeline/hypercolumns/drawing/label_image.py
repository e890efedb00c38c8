"""Label images: the number of an instance at each pixel, as PNG files with VOC's colours."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage

from hypercolumns.annotations import masks
from hypercolumns.annotations.label_images import VOID, voc_colour

LARGEST_INDEXED = VOID - 1
"""Most instances of an 8-bit label image; VOC's readers, the project's among them, take 255 for void."""


def label_image(codes: Sequence[masks.RLE], height: int, width: int) -> NDArray[np.uint8] | NDArray[np.uint16]:
    """Number the pixels of masks: i + 1 in mask i, and 0 in none.

    Parameters
    ----------
    codes
        Masks, the best one first: where several overlap, the pixel belongs to the first of them.
    height, width
        Size in pixels, that of every mask.

    Returns
    -------
    (height, width) array: uint8 for up to 254 masks, and uint16 for more.

    Raises
    ------
    ValueError
        If a mask has another size, or there are more than 65535.

    Examples
    --------
    >>> first, second = (masks.encode(np.array([row], dtype=bool)) for row in ([0, 1, 1, 0], [0, 0, 1, 1]))
    >>> label_image([first, second], 1, 4)
    array([[0, 1, 1, 2]], dtype=uint8)
    """
    if len(codes) > np.iinfo(np.uint16).max:
        raise ValueError(f"A label image has at most {np.iinfo(np.uint16).max} instances, not {len(codes)}.")
    wrong = next((i for i, code in enumerate(codes) if list(code["size"]) != [height, width]), None)
    if wrong is not None:
        raise ValueError(f"Mask {wrong} has height and width {list(codes[wrong]['size'])}, not {[height, width]}.")
    labels = np.zeros((height, width), dtype=np.uint8 if len(codes) <= LARGEST_INDEXED else np.uint16)
    for number in range(len(codes), 0, -1):
        labels[masks.decode(codes[number - 1])] = number
    return labels


def colour_map() -> NDArray[np.uint8]:
    """VOC's colours of the numbers 0 to 255, (256, 3) RGB."""
    return np.array([voc_colour(number) for number in range(256)], dtype=np.uint8)


def save_label_png(path: Path, labels: NDArray[np.uint8] | NDArray[np.uint16]) -> None:
    """Write a label image as PNG: uint8 with VOC's palette (mode P), uint16 as 16-bit grey.

    Raises
    ------
    ValueError
        If the array is not (height, width) of one of these types.
    """
    if labels.ndim != 2 or labels.dtype not in (np.uint8, np.uint16):
        raise ValueError(f"A label image is (height, width) uint8 or uint16, not {labels.shape} {labels.dtype}.")
    image = PillowImage.fromarray(labels)
    if labels.dtype == np.uint8:
        image.putpalette(colour_map().tobytes())
    image.save(path, format="PNG")
