"""Half precision: stores and training files keep maps as float16."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hypercolumns.errors import InputError

LARGEST = float(np.finfo(np.float16).max)
"""Larger numbers are kept as this one instead of infinity."""


def as_float16(values: ArrayLike, layer: str) -> NDArray[np.float16]:
    """Convert to float16; numbers beyond its range become its largest.

    Parameters
    ----------
    layer
        The layer the values belong to, for the error.

    Raises
    ------
    InputError
        When a value is not a number (NaN).
    """
    numbers = np.asarray(values)
    if numbers.dtype == np.float16:
        return numbers
    if numbers.size and np.isnan(numbers.max()):
        raise InputError(f"The layer {layer!r} holds values that are not numbers (NaN).")
    return np.clip(numbers, -LARGEST, LARGEST).astype(np.float16)
