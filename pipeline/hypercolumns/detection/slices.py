"""Work on slices of a fixed size, side by side on all cores: no byte of a result depends on the number of cores."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

SLICES_PER_THREAD = 8
"""Slices that are computed before the results of the first of them are consumed, at most; bounds memory."""

Result = TypeVar("Result")


def in_slices(function: Callable[[slice], Result], total: int, size: int) -> Iterator[Result]:
    """Yield `function(part)` for the slices of 0 .. total, in order; the last one may be shorter than `size`.

    The caller limits the threads of the linear algebra library to one: libraries that share a sum among several
    threads round it differently for each number of them.

    Examples
    --------
    >>> list(in_slices(lambda part: part.stop - part.start, 7, 3))
    [3, 3, 1]
    """
    threads = os.cpu_count() or 1
    parts = slices(total, size)
    with ThreadPoolExecutor(threads, thread_name_prefix="slice") as pool:
        for group in slices(len(parts), SLICES_PER_THREAD * threads):
            yield from pool.map(function, parts[group])


def slices(total: int, size: int) -> list[slice]:
    """Divide 0 .. total into slices of `size`; the last one may be shorter."""
    return [slice(start, min(start + size, total)) for start in range(0, total, size)]
