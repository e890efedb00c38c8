"""Writes a store: rows are appended to its arrays, and complete files are named in the manifest.

While it is written, a store consists of complete shards and, for each array, of the beginning of one more. The manifest
names the former, `unfinished.json` describes the latter, so that an interrupted run goes on where it was.
"""

import hashlib
import json
import os
import warnings
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np
import zarr
from numpy.typing import ArrayLike, NDArray
from zarr.errors import ZarrUserWarning

from hypercolumns.errors import InputError
from hypercolumns.places.folder import Folder
from hypercolumns.stores.finite import NotFiniteError, require_finite
from hypercolumns.stores.layout import ROOT, Layout
from hypercolumns.stores.manifest import FileRecord, Manifest

UNFINISHED = "unfinished.json"
"""Name of the file that describes shards which are not complete."""

CODING_THREADS = max(1, min(8, os.cpu_count() or 1))
"""Threads that compress or decompress chunks; Zstandard releases the interpreter's lock. More than 8 write no faster on
16 cores; measured."""

DimensionNames = tuple[str, ...] | None


@dataclass(frozen=True)
class _Beginning:
    """The chunks of a shard that are on disk while it is not complete."""

    file: str
    sha256: str
    lengths: list[int]

    @classmethod
    def read(cls, store: Path, complete: Collection[str]) -> dict[str, "_Beginning"]:
        """Read the beginnings by array; none if the file is missing, or any of them is damaged or `complete` by now."""
        try:
            content = json.loads((store / UNFINISHED).read_text())
            found = {name: cls(**entry) for name, entry in content.items()}
            # A run that was killed after it had written the manifest leaves the beginnings of shards that it names.
            if any(beginning.file in complete for beginning in found.values()):
                return {}
            return found if all(beginning._is_intact(store) for beginning in found.values()) else {}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}

    def _is_intact(self, store: Path) -> bool:
        path, size = store / self.file, sum(self.lengths)
        if path.stat().st_size < size:
            return False
        os.truncate(path, size)
        return FileRecord.measure(path).sha256 == self.sha256


class ArrayWriter:
    """Appends rows to an array of a store, chunk by chunk.

    Attributes
    ----------
    rows
        Number of rows in complete chunks; those of an incomplete one wait in memory.
    """

    def __init__(self, store: "StoreWriter", name: str, layout: Layout, dimension_names: DimensionNames) -> None:
        self.name, self.layout, self.dimension_names = name, layout, dimension_names
        self.rows = 0
        self._store = store
        self._waiting: NDArray[Any] = np.empty((0, *layout.item), layout.dtype)
        self._stream: BinaryIO | None = None
        self._sha256 = hashlib.sha256()
        self._lengths: list[int] = []

    def append(self, values: ArrayLike) -> None:
        """Append rows (n, *item). After an error the store can only be left: some of the rows may be written.

        Raises
        ------
        ValueError
            If the rows have another shape.
        NotFiniteError
            When a value is NaN or infinite.
        """
        rows: NDArray[Any] = np.asarray(values)
        if rows.shape[1:] != self.layout.item:
            raise ValueError(f"a row of {self.name} has the shape {self.layout.item}, not {rows.shape[1:]}")
        if len(self._waiting):
            rows = np.concatenate([self._waiting, rows])
        step = self.layout.chunk_rows
        complete = len(rows) // step * step
        try:
            self._append_chunks([rows[first : first + step] for first in range(0, complete, step)])
            self._waiting = require_finite(rows[complete:].astype(self.layout.dtype))
        except NotFiniteError as error:
            raise NotFiniteError(f"{error} in the array {self.name!r}") from None

    def adopt(self, rows: int) -> None:
        """Take it that all rows are in shards which others wrote, and which the writer of the store was given."""
        self.rows = rows

    def close(self) -> int:
        """Write the last rows and return the number of all rows."""
        n_rows = self.rows + len(self._waiting)
        if len(self._waiting):
            self._append_chunks([self._waiting])
        if self._stream is not None:
            self._finish_shard()
        return n_rows

    def resume(self, n_shards: int, beginning: _Beginning | None) -> None:
        """Go on after `n_shards` complete shards and the beginning of the next one."""
        self.rows = n_shards * self.layout.shard_rows
        if beginning is not None and beginning.file == self._file():
            path = self._store.path / beginning.file
            with path.open("rb") as stream:
                self._sha256 = hashlib.file_digest(stream, hashlib.sha256)
            self._stream, self._lengths = path.open("ab"), list(beginning.lengths)
            self.rows += len(self._lengths) * self.layout.chunk_rows

    def beginning(self) -> _Beginning | None:
        """Hand the chunks of the current shard to the operating system and describe them."""
        if self._stream is None:
            return None
        self._stream.flush()
        return _Beginning(self._file(), self._sha256.hexdigest(), self._lengths)

    def release(self) -> None:
        """Close the file of an incomplete shard."""
        if self._stream is not None:
            self._stream.close()

    def _append_chunks(self, chunks: list[NDArray[Any]]) -> None:
        for chunk in self._store.encode(self.layout, chunks):
            if self._stream is None:
                path = self._store.path / self._file()
                path.parent.mkdir(parents=True, exist_ok=True)
                path.unlink(missing_ok=True)  # it may be linked with a file of a published store
                self._stream = path.open("wb")
            self._put(chunk)
            self._lengths.append(len(chunk))
            self.rows += self.layout.chunk_rows
            if len(self._lengths) == self.layout.chunks_per_shard:
                self._finish_shard()

    def _put(self, content: bytes) -> None:
        assert self._stream is not None  # noqa: S101 - opened by the caller
        self._stream.write(content)
        self._sha256.update(content)

    def _finish_shard(self) -> None:
        assert self._stream is not None  # noqa: S101 - there is a shard to finish
        self._put(self.layout.index(self._lengths))
        with self._stream as stream:
            stream.flush()
            # Before the manifest names it: a power failure must not leave a name without data.
            os.fsync(stream.fileno())
            self._store.add(self._file(), FileRecord(stream.tell(), self._sha256.hexdigest()))
        self._stream, self._sha256, self._lengths = None, hashlib.sha256(), []

    def _file(self) -> str:
        shard = max(0, self.rows - bool(self._lengths)) // self.layout.shard_rows
        return self.layout.file(self.name, shard)


class StoreWriter:
    """Writes a store, in a `with` block: `append` to its arrays, then `finish`. Equal content gives equal bytes.

    Parameters
    ----------
    path
        Folder of the store. What an interrupted run left there is continued if that run called `checkpoint`.
    written
        Files that others wrote, of arrays that `adopt` their rows; nothing is continued then. They need not lie in the
        folder.
    """

    def __init__(self, path: Path, written: Mapping[str, FileRecord] | None = None) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self._arrays: dict[str, ArrayWriter] = {}
        self._pool = ThreadPoolExecutor(CODING_THREADS)
        self._files = _complete_files(path) if written is None else dict(written)
        self._n_named = len(self._files)
        self._beginnings = _Beginning.read(path, self._files) if written is None else {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()
        for array in self._arrays.values():
            array.release()

    def array(self, name: str, layout: Layout, dimension_names: DimensionNames = None) -> ArrayWriter:
        """Begin an array, or go on with it; `rows` of the writer says how much is there."""
        array = ArrayWriter(self, name, layout, dimension_names)
        n_shards = 0
        while layout.file(name, n_shards) in self._files:
            n_shards += 1
        array.resume(n_shards, self._beginnings.get(name))
        self._arrays[name] = array
        return array

    def write(self, name: str, values: ArrayLike, dimension_names: DimensionNames = None) -> None:
        """Write an array that is in memory."""
        rows = np.asarray(values)
        self.array(name, Layout.of(rows.shape[1:], rows.dtype), dimension_names).append(rows)

    def encode(self, layout: Layout, chunks: Iterable[NDArray[Any]]) -> Iterator[bytes]:
        """Encode chunks on several threads and yield them in order."""
        return self._pool.map(layout.encode, chunks)

    def add(self, name: str, record: FileRecord) -> None:
        """Add a complete file to the manifest; it is named there from the next `checkpoint` or `finish` on."""
        self._files[name] = record

    def checkpoint(self) -> None:
        """Make what was appended so far survive the end of the process, apart from rows of incomplete chunks."""
        beginnings = {name: beginning for name, a in self._arrays.items() if (beginning := a.beginning()) is not None}
        if len(self._files) > self._n_named:
            Manifest(self._files).write(self.path)
            self._n_named = len(self._files)
        part = self.path / f"{UNFINISHED}.part"
        part.write_text(json.dumps({name: vars(beginning) for name, beginning in beginnings.items()}))
        part.replace(self.path / UNFINISHED)

    def finish(self, schema: str, attributes: Mapping[str, Any]) -> None:
        """Close all arrays, and write the metadata and the manifest of a complete store."""
        rows = {name: array.close() for name, array in self._arrays.items()}
        for file in self.path.rglob("zarr.*"):
            file.unlink()  # of a run that ended here; Zarr writes zarr.json by way of zarr.*.partial
        root = zarr.create_group(self.path, attributes={"schema": schema, **attributes})
        for name, array in self._arrays.items():
            array.layout.create(root, name, rows[name], array.dimension_names)
        _consolidate(root)
        for file in self.path.rglob(ROOT):
            self.add(file.relative_to(self.path).as_posix(), FileRecord.measure(file))
        Manifest(self._files).write(self.path)
        (self.path / UNFINISHED).unlink(missing_ok=True)


def _complete_files(path: Path) -> dict[str, FileRecord]:
    """Files that the manifest of an interrupted run names.

    None if it or any of them is damaged, so that all arrays go on at the same row, or if the store was finished: the
    last shards of a finished store may have fewer rows than those that rows are appended after.
    """
    try:
        manifest = Manifest.read(path)
    except (FileNotFoundError, InputError):
        return {}
    if ROOT in manifest.files or any(True for _ in manifest.missing(Folder(path))):
        return {}
    return dict(manifest.files)


def _consolidate(root: zarr.Group) -> None:
    """Write the metadata of all arrays into that of each group, for `xarray.open_zarr(path, group="blocks")`."""
    with warnings.catch_warnings():
        # Zarr warns that consolidated metadata is not in the format's specification yet; readers ignore it.
        warnings.simplefilter("ignore", ZarrUserWarning)
        for name in (*root.group_keys(), ""):
            zarr.consolidate_metadata(root.store, path=name)
