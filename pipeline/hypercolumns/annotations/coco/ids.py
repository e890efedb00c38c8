"""Ids of a COCO file as positive integers; some tools write names instead, or no ids at all."""

from collections.abc import Sequence

from hypercolumns.annotations.coco.entries import Id


def number_ids(ids: Sequence[Id]) -> list[int]:
    """Give every entry an integer id.

    Parameters
    ----------
    ids
        (n,) ids as the file has them; None where there is none.

    Returns
    -------
    (n,) the same ids if all are integers from 0 on; otherwise 1, 2, ..., the same number for equal ids.

    Examples
    --------
    >>> number_ids([4, 2.0]), number_ids(["b", "a", "b"]), number_ids([3, None])
    ([4, 2], [1, 2, 1], [1, 2])
    """
    integers = [_integer(value) for value in ids]
    known = [value for value in integers if value is not None]
    if len(known) == len(ids):
        return known
    numbers: dict[Id | tuple[int], int] = {}
    keys = [(position,) if value is None else value for position, value in enumerate(ids)]
    return [numbers.setdefault(key, len(numbers) + 1) for key in keys]


def _integer(value: Id) -> int | None:
    """The id as an integer that a signed 64-bit column can hold; None if it is not one."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and 0 <= value < 2**63 else None
