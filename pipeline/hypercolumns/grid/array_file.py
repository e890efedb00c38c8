"""Files of arrays that are read in small parts and whose damage is noticed: safetensors with checksums."""

import json
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from io import FileIO
from typing import Any, NoReturn, Self

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from hypercolumns.errors import InputError
from hypercolumns.places.folder import Folder
from hypercolumns.places.place import Place

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
    place
        Folder or object store.
    name
        Name there of a file written by `ArrayFile.write`.
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
    file was written since: doing so at every read would take a fifth of the time of reading. Measured, ours. An object
    store is not asked whether a file was written since: there a name must always stand for the same content.

    Parts are read, not memory-mapped: mapped pages count towards the memory of the process, and a mapped file keeps
    its disk space after it is deleted.
    """

    def __init__(self, place: Place, name: str, prefix: str = "") -> None:
        self._place, self._name, self._prefix = place, name, prefix
        self._stream: FileIO | None = None
        version: tuple[int, ...] = ()
        try:
            if isinstance(place, Folder):
                self._stream = (place.path / name).open("rb", buffering=0)
                found = os.fstat(self._stream.fileno())
                version = found.st_ino, found.st_size, found.st_mtime_ns
            self._arrays = _read_header(place, name, version)
        except BaseException as error:
            self.__exit__()
            if isinstance(error, FileNotFoundError):
                _raise_damaged(place, name, "it is missing")
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None:
            self._stream.close()

    @staticmethod
    def write(place: Place, name: str, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write float16 or int8 arrays of two or more axes; the file is complete or not there at all.

        Raises
        ------
        KeyError
            When an array has another dtype.
        """
        tables = {label + _CHECKSUMS: np.empty(array.shape[:2], _CHECKSUM_DTYPE) for label, array in arrays.items()}
        entries, end = {}, 0
        for label, array in {**arrays, **tables}.items():
            start, end = end, end + array.nbytes
            entries[label] = {"dtype": _DTYPE_NAMES[array.dtype], "shape": array.shape, "data_offsets": (start, end)}
        rest = json.dumps(entries)[1:].encode()
        rest += b" " * (-(_HEADER_START_BYTES + len(rest)) % 8)
        header = _HEADER_START % google_crc32c.value(rest) + rest
        content: list[Any] = [len(header).to_bytes(8, "little") + header]
        for array, table in zip(arrays.values(), tables.values(), strict=True):
            records = np.ascontiguousarray(array).reshape(table.size, -1).view(np.uint8)
            table.reshape(-1)[:] = [google_crc32c.value(record) for record in records]
            content.append(records.data)
        # A worker of a killed run may still be writing the same file, with the same content.
        place.write(name, *content, *(table.tobytes() for table in tables.values()))

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
        n_columns, width = columns.stop - columns.start, array.shape[1]
        part = np.empty((rows.stop - rows.start, n_columns, array.record_bytes), np.uint8)
        first = rows.start * width + columns.start
        # Row by row, so that checksums are computed while the records are in the processor's cache.
        for row in self._filled(part, array.start + first * array.record_bytes, width * array.record_bytes, name):
            if array.checked.find(0, first, first + n_columns) >= 0:
                expected = array.checksums[first : first + n_columns].tolist()
                if [google_crc32c.value(record) for record in row] != expected:
                    _raise_damaged(self._place, self._name, "its checksum does not match", name)
                array.checked[first : first + n_columns] = b"\1" * n_columns
            first += width
        return part.view(array.dtype).reshape(*part.shape[:2], *array.shape[2:])

    def _filled(self, part: NDArray[np.uint8], start: int, stride: int, name: str) -> Iterator[NDArray[np.uint8]]:
        """Yield the rows of `part` as soon as they are read; they lie at `start` and at every `stride` bytes after."""
        if self._stream is not None:
            for row in part:
                self._stream.seek(start)
                if self._stream.readinto(row.data) != row.nbytes:
                    _raise_damaged(self._place, self._name, "it is truncated", name)
                yield row
                start += stride
            return
        row_bytes = part.nbytes // max(len(part), 1)
        offsets = range(start, start + len(part) * stride, stride)
        try:
            contents = self._place.read_ranges(self._name, [(offset, offset + row_bytes) for offset in offsets])
        except FileNotFoundError:
            _raise_damaged(self._place, self._name, "it is missing")
        for row, content in zip(part, contents, strict=True):
            row.reshape(-1)[:] = np.frombuffer(content, np.uint8)
            yield row


@lru_cache(maxsize=_FILES_REMEMBERED)
def _read_header(place: Place, name: str, version: tuple[int, ...]) -> dict[str, _Array]:
    """Read and check the header of a file, which is read again if it has another version."""
    del version
    size = place.sizes([name]).get(name)
    if size is None:
        raise FileNotFoundError

    def read(start: int, stop: int) -> bytes:
        (content,) = place.read_ranges(name, [(start, stop)])
        return content

    length = int.from_bytes(read(0, 8), "little") if size >= 8 else size
    data_start = 8 + length
    header = read(8, data_start) if 8 < data_start <= size else b""
    rest = header[_HEADER_START_BYTES:]
    if header != _HEADER_START % google_crc32c.value(rest) + rest:
        _raise_damaged(place, name, "its header is damaged")
    entries = json.loads(b"{" + rest)
    expected_size = data_start + max(entry["data_offsets"][1] for entry in entries.values())
    if size != expected_size:
        _raise_damaged(place, name, f"it has {size} bytes instead of {expected_size}")
    labels = [label for label in entries if label + _CHECKSUMS in entries]
    # The checksums of all arrays lie at the end.
    tables_start = min(entries[label + _CHECKSUMS]["data_offsets"][0] for label in labels)
    tables = read(data_start + tables_start, size)
    arrays = {}
    for label in labels:
        entry, (start, stop) = entries[label], entries[label + _CHECKSUMS]["data_offsets"]
        checksums = np.frombuffer(tables[start - tables_start : stop - tables_start], _CHECKSUM_DTYPE)
        offset = data_start + entry["data_offsets"][0]
        shape, dtype = tuple(entry["shape"]), _DTYPES[entry["dtype"]]
        arrays[label] = _Array(shape, dtype, offset, checksums, bytearray(len(checksums)))
    return arrays


def _raise_damaged(place: Place, name: str, fault: str, array: str | None = None) -> NoReturn:
    where = "" if array is None else f", in the array {array!r}"
    raise InputError(
        f"{place}/{name} is damaged{where}: {fault}. Run the step again: it writes the file anew."
    ) from None
