"""Half precision, in which feature stores and training files keep maps."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hypercolumns.errors import InputError
from hypercolumns.stores.finite import has_only_finite

FLOAT16_MAX = float(np.finfo(np.float16).max)
"""Larger values are stored as this one instead of infinity."""


def as_float16(values: ArrayLike, layer: str) -> NDArray[np.float16]:
    """Convert values to float16, clipping finite ones to its range.

    Parameters
    ----------
    values
        Array of any shape.
    layer
        Layer of the values, for messages.

    Raises
    ------
    InputError
        When a value is not finite.

    Examples
    --------
    >>> as_float16([0.5, 1e9], "conv4")
    array([5.00e-01, 6.55e+04], dtype=float16)
    """
    numbers = np.asarray(values)
    if not has_only_finite(numbers):
        raise not_finite(layer)
    if numbers.dtype == np.float16:
        return numbers
    return np.clip(numbers, -FLOAT16_MAX, FLOAT16_MAX).astype(np.float16)


def not_finite(layer: str) -> InputError:
    """Error for values of a layer that are NaN or infinite."""
    return InputError(f"There are values that are NaN or infinite in the layer {layer!r}.")
