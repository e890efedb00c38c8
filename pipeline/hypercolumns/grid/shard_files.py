"""Training data laid out for the workers: a store and its target maps, rewritten as one file per shard.

A file holds several arrays and is read in small parts: opening files dominates the cost of such reads.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

LABELS = "labels of pixels"
"""Name of the labels in the file of a shard; the other arrays have the names of the layers."""

_DTYPE_NAMES: dict[np.dtype[Any], str] = {np.dtype(np.float16): "F16", np.dtype(np.int8): "I8"}
_DTYPES = {name: dtype for dtype, name in _DTYPE_NAMES.items()}


class ArrayFile:
    """A safetensors file, opened for reading parts of its arrays; a context manager.

    Parameters
    ----------
    path
        A file written by `ArrayFile.write` or by safetensors with these dtypes.

    Notes
    -----
    Parts are read, not memory-mapped: mapped pages count towards the memory of the process, and a mapped file keeps
    its disk space after it is deleted.
    """

    def __init__(self, path: Path) -> None:
        self._stream = path.open("rb")
        length = int.from_bytes(self._stream.read(8), "little")
        self._entries = json.loads(self._stream.read(length))
        self._data_start = 8 + length

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    @staticmethod
    def write(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write float16 or int8 arrays in the format of safetensors.

        Safetensors' `save_file` writes the same content but needs a second copy of the arrays in memory.

        Raises
        ------
        KeyError
            When an array has another dtype.
        """
        entries, end = {}, 0
        for name, array in arrays.items():
            start, end = end, end + array.nbytes
            entries[name] = {"dtype": _DTYPE_NAMES[array.dtype], "shape": array.shape, "data_offsets": (start, end)}
        header = json.dumps(entries).encode()
        header += b" " * (-len(header) % 8)
        with path.open("wb") as stream:
            stream.write(len(header).to_bytes(8, "little") + header)
            for array in arrays.values():
                np.ascontiguousarray(array).tofile(stream)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of an array."""
        return tuple(self._entries[name]["shape"])

    def read(self, name: str, rows: slice, columns: slice) -> NDArray[Any]:
        """Read `array[rows, columns]`, in one go if `columns` covers the second axis, else row by row.

        Parameters
        ----------
        rows, columns
            Slices with both bounds and without a step.

        Returns
        -------
        (rows, columns, ...) with the dtype and the remaining axes of the array.

        Raises
        ------
        OSError
            When the file is truncated.
        """
        entry = self._entries[name]
        _, width, *rest = entry["shape"]
        n_columns = columns.stop - columns.start
        part: NDArray[Any] = np.empty((rows.stop - rows.start, n_columns, *rest), dtype=_DTYPES[entry["dtype"]])
        contiguous_runs = [part] if n_columns == width else list(part)
        for row, run in enumerate(contiguous_runs, start=rows.start):
            offset = (row * width + columns.start) * part[0, 0].nbytes
            self._stream.seek(self._data_start + entry["data_offsets"][0] + offset)
            if self._stream.readinto(run.data) != run.nbytes:
                raise OSError(f"{self._stream.name} ends before its array {name!r} does.")
        return part


@dataclass(frozen=True)
class ShardPart:
    """Consecutive regions of one shard."""

    shard: int
    """Index of the shard."""
    rows: slice
    """Rows within the shard."""

    def __len__(self) -> int:
        """Number of regions."""
        return int(self.rows.stop - self.rows.start)


@dataclass(frozen=True, kw_only=True)
class ShardFiles:
    """The files that hold the regions of a store and their labels, one per shard; sent to the workers."""

    store: Path
    targets: Path
    """Target maps that `write_target_maps` wrote."""
    folder: Path
    """Folder of the files."""
    shards: tuple[slice, ...]
    """Rows of the store that each shard holds."""
    layers: tuple[str, ...]
    heat_map: int
    """Locations per side of a heat map."""

    def parts(self, rows: slice) -> list[ShardPart]:
        """Split `rows` of the store by the shards that hold them."""
        return [
            ShardPart(shard, slice(max(rows.start - held.start, 0), min(rows.stop, held.stop) - held.start))
            for shard, held in enumerate(self.shards)
            if held.start < rows.stop and held.stop > rows.start
        ]

    def file(self, shard: int) -> Path:
        """Path of the file with the layers and labels of a shard."""
        return self.folder / f"{shard}.safetensors"

    def open(self, shard: int) -> ArrayFile:
        """Open the file of a shard for reading."""
        return ArrayFile(self.file(shard))
