"""Several arrays in one file, of which small parts are read: opening files is what such reading costs most."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

_NAMES: dict[np.dtype[Any], str] = {np.dtype(np.float16): "F16", np.dtype(np.int8): "I8"}
_DTYPES = {name: dtype for dtype, name in _NAMES.items()}


class ArrayFile:
    """A safetensors file, open for reading parts of its arrays; a context manager.

    Parts are read, not mapped: mapped pages count as memory of the process, and a mapped file that is deleted keeps
    its room on the disk.
    """

    def __init__(self, path: Path) -> None:
        self._stream = path.open("rb")
        length = int.from_bytes(self._stream.read(8), "little")
        self._entries = json.loads(self._stream.read(length))
        self._first = 8 + length

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    @staticmethod
    def write(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Write float16 or int8 arrays.

        The file is that of safetensors' `save_file`, which would need as much memory again as the arrays take.
        """
        entries, end = {}, 0
        for name, array in arrays.items():
            first, end = end, end + array.nbytes
            entries[name] = {"dtype": _NAMES[array.dtype], "shape": array.shape, "data_offsets": (first, end)}
        head = json.dumps(entries).encode()
        head += b" " * (-len(head) % 8)
        with path.open("wb") as stream:
            stream.write(len(head).to_bytes(8, "little") + head)
            for array in arrays.values():
                np.ascontiguousarray(array).tofile(stream)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of an array."""
        return tuple(self._entries[name]["shape"])

    def read(self, name: str, rows: slice, columns: slice) -> NDArray[Any]:
        """Read `array[rows, columns]`; values that lie together along the columns are read in one go.

        Raises
        ------
        OSError
            When the file ends early.
        """
        entry = self._entries[name]
        _, width, *rest = entry["shape"]
        shape = (rows.stop - rows.start, columns.stop - columns.start, *rest)
        part: NDArray[Any] = np.empty(shape, dtype=_DTYPES[entry["dtype"]])
        together = columns.stop - columns.start == width
        runs = [part] if together else list(part)
        for row, run in enumerate(runs, start=rows.start):
            position = (row * width + columns.start) * part[0, 0].nbytes
            self._stream.seek(self._first + entry["data_offsets"][0] + position)
            if self._stream.readinto(run.data) != run.nbytes:
                raise OSError(f"{self._stream.name} ends before its array {name!r} does.")
        return part
