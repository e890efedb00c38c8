"""The range of numbers that a parameter may have, in words."""

from collections.abc import Sequence
from typing import Any, get_args

from hypercolumns.parameters.section import LARGEST

_BOUNDS = ("ge", "gt", "le", "lt")


def range_in_words(annotation: Any, metadata: Sequence[Any] = ()) -> str:
    """Word the range of the first bounded number in a type; empty if there is none.

    Parameters
    ----------
    annotation
        The type of a field, which may be optional or a tuple.
    metadata
        Constraints that pydantic keeps beside the type.

    Examples
    --------
    >>> from hypercolumns.parameters.section import Positive
    >>> range_in_words(Positive | None), range_in_words(str)
    ('from 1 to 1000000000', '')
    """
    bounds = _bounds(annotation, metadata)
    if not bounds:
        return ""
    if {"ge", "le"} <= set(bounds):
        return f"from {_number(bounds['ge'])} to {_number(bounds['le'])}"
    words = {"ge": "at least", "gt": "larger than", "le": "at most", "lt": "smaller than"}
    return " and ".join(f"{words[name]} {_number(bounds[name])}" for name in _BOUNDS if name in bounds)


def _bounds(annotation: Any, metadata: Sequence[Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    for item in (*metadata, *getattr(annotation, "__metadata__", ())):
        for constraint in getattr(item, "metadata", [item]):
            found |= {n: value for n in _BOUNDS if (value := getattr(constraint, n, None)) is not None}
    if found:
        return found
    return next(filter(None, (_bounds(inner, ()) for inner in get_args(annotation))), {})


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) and value <= LARGEST else f"{value:g}"
