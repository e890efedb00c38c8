"""Files of arrays that are read in small parts and whose damage is noticed: safetensors with checksums."""

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn, Self

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from hypercolumns.errors import InputError
from hypercolumns.places.atomic import atomic_write

_CHECKSUM_DTYPE = np.dtype("<u4")
_DTYPE_NAMES: dict[np.dtype[Any], str] = {
    np.dtype(np.float16): "F16",
    np.dtype(np.int8): "I8",
    _CHECKSUM_DTYPE: "U32",
}
_DTYPES = {name: dtype for dtype, name in _DTYPE_NAMES.items()}

_CHECKSUMS = " crc32c"
"""Ending of the names of arrays of checksums."""

_HEADER_START = b'{"__metadata__": {"crc32c": "%08x"}, '
"""Start of a header, with the CRC-32C of the rest of it."""

_HEADER_START_BYTES = len(_HEADER_START % 0)

_FILES_REMEMBERED = 4096
"""Files whose headers a process keeps, each of about 20 KB."""


@dataclass(frozen=True)
class _Array:
    """Place and checksums of an array in a file."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    start: int
    """Offset in the file."""
    checksums: NDArray[np.uint32]
    """(records,) of the records one after the other."""
    checked: bytearray
    """(records,) 1 for those that this process has compared with their checksums."""

    @property
    def record_bytes(self) -> int:
        return math.prod(self.shape[2:]) * self.dtype.itemsize


class ArrayFile:
    """A safetensors file with checksums, opened for reading parts of its arrays; a context manager.

    Parameters
    ----------
    path
        A file written by `ArrayFile.write`.
    prefix
        Beginning of the names of the arrays to read; callers leave it out.

    Raises
    ------
    InputError
        When the file is missing or truncated, or its header is damaged.

    Notes
    -----
    A record is what lies at one position of the two leading axes of an array. An array (n, m, ...) comes with an array
    (n, m) of the CRC-32C of its records, whose name ends in " crc32c". The header has a CRC-32C of itself in its
    metadata. A process compares each record with its checksum when it first reads it from a file, and again if the
    file was written since: doing so at every read would take a fifth of the time of reading. Measured, ours.

    Parts are read, not memory-mapped: mapped pages count towards the memory of the process, and a mapped file keeps
    its disk space after it is deleted.
    """

    def __init__(self, path: Path, prefix: str = "") -> None:
        self._path, self._prefix = path, prefix
        try:
            self._stream = path.open("rb", buffering=0)
        except FileNotFoundError:
            _raise_damaged(path, "it is missing")
        try:
            found = os.fstat(self._stream.fileno())
            self._arrays = _read_header(path, found.st_ino, found.st_size, found.st_mtime_ns)
        except BaseException:
            self._stream.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    @staticmethod
    def write(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write float16 or int8 arrays of two or more axes; the file is complete or not there at all.

        Safetensors' `save_file` writes the same format but needs a second copy of the arrays in memory.

        Raises
        ------
        KeyError
            When an array has another dtype.
        """
        tables = {name + _CHECKSUMS: np.empty(array.shape[:2], _CHECKSUM_DTYPE) for name, array in arrays.items()}
        entries, end = {}, 0
        for name, array in {**arrays, **tables}.items():
            start, end = end, end + array.nbytes
            entries[name] = {"dtype": _DTYPE_NAMES[array.dtype], "shape": array.shape, "data_offsets": (start, end)}
        rest = json.dumps(entries)[1:].encode()
        rest += b" " * (-(_HEADER_START_BYTES + len(rest)) % 8)
        header = _HEADER_START % google_crc32c.value(rest) + rest
        # A worker of a killed run may still be writing the same file, with the same content.
        with atomic_write(path) as stream:
            stream.write(len(header).to_bytes(8, "little") + header)
            for name, array in arrays.items():
                table = tables[name + _CHECKSUMS]
                records = np.ascontiguousarray(array).reshape(table.size, -1).view(np.uint8)
                table.reshape(-1)[:] = [google_crc32c.value(record) for record in records]
                stream.write(records.data)
            for table in tables.values():
                stream.write(table.data)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of an array."""
        return self._arrays[self._prefix + name].shape

    def read(self, name: str, rows: slice, columns: slice) -> NDArray[Any]:
        """Read `array[rows, columns]`.

        Parameters
        ----------
        rows, columns
            Slices with both bounds and without a step.

        Returns
        -------
        (rows, columns, ...) with the dtype and the remaining axes of the array.

        Raises
        ------
        InputError
            When the part is damaged.
        """
        array = self._arrays[self._prefix + name]
        n_columns, record_bytes = columns.stop - columns.start, array.record_bytes
        part: NDArray[Any] = np.empty((rows.stop - rows.start, n_columns, *array.shape[2:]), array.dtype)
        # Row by row, so that checksums are computed while the records are in the processor's cache.
        for row, run in enumerate(part, start=rows.start):
            first = row * array.shape[1] + columns.start
            self._stream.seek(array.start + first * record_bytes)
            if self._stream.readinto(run.data) != run.nbytes:
                _raise_damaged(self._path, "it is truncated", name)
            if array.checked.find(0, first, first + n_columns) >= 0:
                expected = array.checksums[first : first + n_columns].tolist()
                if [google_crc32c.value(record) for record in run.reshape(n_columns, -1).view(np.uint8)] != expected:
                    _raise_damaged(self._path, "its checksum does not match", name)
                array.checked[first : first + n_columns] = b"\1" * n_columns
        return part


@lru_cache(maxsize=_FILES_REMEMBERED)
def _read_header(path: Path, inode: int, size: int, modified: int) -> dict[str, _Array]:
    """Read and check the header of a file, which is read again if it is another one or was written since."""
    del inode, modified
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        header = stream.read(length) if length < size else b""
        rest = header[_HEADER_START_BYTES:]
        if header != _HEADER_START % google_crc32c.value(rest) + rest:
            _raise_damaged(path, "its header is damaged")
        entries = json.loads(b"{" + rest)
        data_start = 8 + length
        expected_size = data_start + max(entry["data_offsets"][1] for entry in entries.values())
        if size != expected_size:
            _raise_damaged(path, f"it has {size} bytes instead of {expected_size}")
        arrays = {}
        for name in (name for name in entries if name + _CHECKSUMS in entries):
            table_start, table_end = entries[name + _CHECKSUMS]["data_offsets"]
            stream.seek(data_start + table_start)
            checksums = np.frombuffer(stream.read(table_end - table_start), _CHECKSUM_DTYPE)
            entry = entries[name]
            start = data_start + entry["data_offsets"][0]
            shape, dtype = tuple(entry["shape"]), _DTYPES[entry["dtype"]]
            arrays[name] = _Array(shape, dtype, start, checksums, bytearray(len(checksums)))
    return arrays


def _raise_damaged(path: Path, fault: str, name: str | None = None) -> NoReturn:
    place = "" if name is None else f", in the array {name!r}"
    raise InputError(f"{path} is damaged{place}: {fault}. Run the step again: it writes the file anew.") from None
