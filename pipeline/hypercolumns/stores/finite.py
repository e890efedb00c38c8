"""Whether arrays hold NaN or infinity, which no store does."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_FLOAT16_INFINITY = 0x7C00
"""Bits of infinity; those of NaN are larger."""


def has_only_finite(values: NDArray[Any]) -> bool:
    """Whether no value is NaN or infinite."""
    if values.dtype.kind != "f":
        return True
    if values.dtype.itemsize == 2:
        # The exponent of both has all bits set. Comparing integers takes a tenth of the time of `numpy.isfinite`.
        return not values.size or int((values.view(np.uint16) & 0x7FFF).max()) < _FLOAT16_INFINITY
    return bool(np.isfinite(values).all())


class NotFiniteError(ValueError):
    """Values that are NaN or infinite."""


def require_finite(values: NDArray[Any]) -> NDArray[Any]:
    """Return values in which none is NaN or infinite.

    Raises
    ------
    NotFiniteError
        If one is.
    """
    if not has_only_finite(values):
        raise NotFiniteError("there are values that are NaN or infinite")
    return values
