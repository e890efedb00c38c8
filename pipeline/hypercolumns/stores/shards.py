"""Checks every chunk of a shard, one after the other."""

import os
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypercolumns.stores.arrays import StoredArray
from hypercolumns.stores.finite import has_only_finite
from hypercolumns.stores.layout import EMPTY

_LARGE_BYTES = 1 << 26
_large = threading.Lock()
"""Held while chunks of more than `_LARGE_BYTES` are decoded, so that memory holds one of them."""


def shard_faults(array: StoredArray, shard: int) -> Iterator[str]:
    """Yield what is wrong with the index and the chunks of a shard, or with the values in them.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    layout = array.layout
    with array.path(shard).open("rb", buffering=0) as stream:
        file = stream.fileno()
        start = os.fstat(file).st_size - layout.index_bytes
        try:
            index = layout.read_index(os.pread(file, layout.index_bytes, max(0, start)))
        except ValueError as error:
            yield str(error)
            return
        rows = min(layout.shard_rows, array.rows - shard * layout.shard_rows)
        n_chunks = -(-rows // layout.chunk_rows)
        if (index[n_chunks:] != EMPTY).any():
            yield "it has chunks beyond the last row"
        size = layout.chunk_rows * array.nbytes // max(1, array.rows)
        if not size:
            return
        with _large if size > _LARGE_BYTES else nullcontext():
            out = np.empty((layout.chunk_rows, *layout.item), layout.dtype)
            for number, (offset, length) in enumerate(index[:n_chunks].tolist()):
                if fault := _chunk_fault(array, file, (offset, length, start), out):
                    yield f"chunk {number}: {fault}"


def _chunk_fault(array: StoredArray, file: int, place: tuple[int, int, int], out: NDArray[Any]) -> str | None:
    offset, length, end = place
    if offset == length == EMPTY:
        return "it is missing"
    if offset + length > end:
        return "it lies beyond the end of the shard"
    try:
        array.layout.decode(os.pread(file, length, offset), out)
    except ValueError as error:
        return str(error)
    return None if has_only_finite(out) else "it has values that are NaN or infinite"
