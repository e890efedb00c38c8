"""Half precision, in which feature stores and training files keep maps."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hypercolumns.errors import InputError

FLOAT16_MAX = float(np.finfo(np.float16).max)
"""Larger values are stored as this one instead of infinity."""


def as_float16(values: ArrayLike, layer: str) -> NDArray[np.float16]:
    """Convert values to float16, clipping them to its range.

    Parameters
    ----------
    values
        Array of any shape; float16 is returned unchecked.
    layer
        Layer of the values, for messages.

    Raises
    ------
    InputError
        When a value is NaN.

    Examples
    --------
    >>> as_float16([0.5, 1e9], "conv4")
    array([5.00e-01, 6.55e+04], dtype=float16)
    """
    numbers = np.asarray(values)
    if numbers.dtype == np.float16:
        return numbers
    if numbers.size and np.isnan(numbers.max()):
        raise InputError(f"The layer {layer!r} has NaN values.")
    return np.clip(numbers, -FLOAT16_MAX, FLOAT16_MAX).astype(np.float16)
