"""An array of a store, read by rows; what is missing or damaged ends in an error that names it, never in zeros."""

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypercolumns.errors import InputError
from hypercolumns.places.folder import Folder
from hypercolumns.places.place import Place
from hypercolumns.stores.layout import Layout
from hypercolumns.stores.writing import CODING_THREADS

_FEWEST_CHUNKS = 4
"""Chunks from which on several threads decode them."""

_Piece = tuple[int, NDArray[Any]]
"""The number of a chunk, and where its rows go."""

_MOST_INDICES = 16
"""Indices of shards that an array keeps in memory; rows are mostly read in order."""


class DamagedStoreError(InputError):
    """A file of a store is missing or damaged."""

    def __init__(self, store: Path | str, place: str, fault: str) -> None:
        super().__init__(
            f"{store} is damaged: {place}: {fault}. `hypercolumns verify {store}` lists all damage; with `--repair` it "
            "restores a store that the pipeline of the current folder wrote. Copy another one again."
        )
        self.store, self.place, self.fault = store, place, fault

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as the call that made it, since workers raise it and clients report it."""
        return type(self), (self.store, self.place, self.fault)


@dataclass(frozen=True)
class StoredArray:
    """An array of a store, read by rows."""

    place: Place
    """Holds the files of the store."""
    name: str
    rows: int
    layout: Layout
    _indices: dict[int, NDArray[np.uint64]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array."""
        return self.rows, *self.layout.item

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the array."""
        return self.layout.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def nbytes(self) -> int:
        """Uncompressed size."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __len__(self) -> int:
        """Number of rows."""
        return self.rows

    def __getitem__(self, key: Any) -> NDArray[Any]:
        """Index as NumPy does; one row or a slice of rows is read alone, anything else needs the array in memory.

        Raises
        ------
        DamagedStoreError
            Naming the array and the shard.
        """
        first, *others = key if isinstance(key, tuple) else (key,)
        if isinstance(first, int | np.integer):
            row = range(self.rows)[int(first)]
            return self.read(row, row + 1)[(0, *others)]
        if isinstance(first, slice) and first.step in (None, 1):
            start, stop, _ = first.indices(self.rows)
            return self.read(start, max(start, stop))[(slice(None), *others)]
        return self.read(0, self.rows)[key]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Read the array."""
        return np.asarray(self.read(0, self.rows), dtype)

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Read the rows from `start` to before `stop`.

        Raises
        ------
        DamagedStoreError
            Naming the array and the shard.
        IndexError
            If the array does not have these rows.
        """
        if not 0 <= start <= stop <= self.rows:
            raise IndexError(f"the array {self.name!r} has no rows {start} .. {stop}; it has {self.rows}")
        step = self.layout.chunk_rows
        first, last = start // step, -(-stop // step)
        out = np.empty(((last - first) * step, *self.layout.item), self.dtype)
        pieces = [(number, out[(number - first) * step : (number - first + 1) * step]) for number in range(first, last)]
        if not pieces or not out.size:
            return out[: stop - start]
        if not isinstance(self.place, Folder):
            for shard, of_shard in groupby(pieces, lambda piece: piece[0] // self.layout.chunks_per_shard):
                self._read_chunks(shard, list(of_shard))  # in one request
        elif len(pieces) >= _FEWEST_CHUNKS and CODING_THREADS > 1:
            list(_pool(os.getpid()).map(self._read_chunk, pieces))
        else:
            for piece in pieces:
                self._read_chunk(piece)
        return out[start - first * step : stop - first * step]

    def path(self, shard: int) -> Path:
        """Path of a shard of a store in a folder."""
        return Path(self.place.address) / self.layout.file(self.name, shard)

    def _read_chunk(self, piece: _Piece) -> None:
        self._read_chunks(piece[0] // self.layout.chunks_per_shard, [piece])

    def _read_chunks(self, shard: int, pieces: Sequence[_Piece]) -> None:
        file = self.layout.file(self.name, shard)
        try:
            index = self._index(shard, file)
            ranges = [self._range(index, number, out.nbytes) for number, out in pieces]
            for chunk, (_, out) in zip(self.place.read_ranges(file, ranges), pieces, strict=True):
                self.layout.decode(chunk, out)
        except FileNotFoundError:
            self._raise(shard, "it is missing")
        except (OSError, ValueError, MemoryError) as error:
            self._raise(shard, str(error) or type(error).__name__)

    def _index(self, shard: int, file: str) -> NDArray[np.uint64]:
        index = self._indices.get(shard)
        if index is None:
            if len(self._indices) >= _MOST_INDICES:
                self._indices.clear()
            content = self.place.read_end(file, self.layout.index_bytes)
            index = self._indices[shard] = self.layout.read_index(content)
        return index

    def _range(self, index: NDArray[np.uint64], number: int, n_bytes: int) -> tuple[int, int]:
        offset, length = index[number % self.layout.chunks_per_shard].tolist()
        if offset + length >= 2**63:
            raise ValueError("a chunk is missing")
        # A damaged length must not take memory; decoding refuses a chunk that is cut off.
        return offset, offset + min(length, 2 * n_bytes + 1024)

    def _raise(self, shard: int, fault: str) -> None:
        place = f"shard {shard} of the array {self.name!r} ({self.layout.file(self.name, shard)})"
        raise DamagedStoreError(str(self.place), place, fault) from None

    def __getstate__(self) -> dict[str, Any]:
        """Drop the indices, which the receiver reads itself."""
        return {**vars(self), "_indices": {}}


@lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    """Threads that decode chunks; a forked process gets its own."""
    return ThreadPoolExecutor(CODING_THREADS, thread_name_prefix=f"decode-{process}")


def describe(file: str) -> str:
    """Name the array and shard that a file of a store belongs to.

    Examples
    --------
    >>> describe("blocks/conv4/c/3/0/0/0")
    "shard 3 of the array 'blocks/conv4' (blocks/conv4/c/3/0/0/0)"
    """
    name, found, rest = file.rpartition("/c/")
    return f"shard {rest.split('/')[0]} of the array {name!r} ({file})" if found else file
