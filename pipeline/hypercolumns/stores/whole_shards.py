"""Shards that are written whole, each by whoever computed its rows, with the bytes that `ArrayWriter` writes."""

from collections.abc import Mapping
from concurrent.futures import Executor
from typing import Any

from numpy.typing import NDArray

from hypercolumns.errors import InputError
from hypercolumns.places.folder import Folder
from hypercolumns.places.place import Place
from hypercolumns.stores.layout import ROOT, Layout
from hypercolumns.stores.manifest import NAME as MANIFEST
from hypercolumns.stores.manifest import FileRecord, Manifest

UNFINISHED_MANIFEST = "unfinished-manifest.json"
"""Name of the list of complete files of an unfinished store in an object store."""


class WholeShard:
    """Collects the rows of one shard in memory, compressed, and writes its file at once.

    Parameters
    ----------
    layout
        Layout of the array.
    pool
        Threads that compress chunks; None to compress in the calling thread.
    """

    def __init__(self, layout: Layout, pool: Executor | None = None) -> None:
        self._layout = layout
        self._map = map if pool is None else pool.map
        self._content = bytearray()
        self._lengths: list[int] = []

    def append(self, rows: NDArray[Any]) -> None:
        """Append rows (n, *item); all but the last call for the last shard of an array give complete chunks.

        Raises
        ------
        NotFiniteError
            When a value is NaN or infinite.
        """
        step = self._layout.chunk_rows
        chunks = (rows[first : first + step] for first in range(0, len(rows), step))
        for chunk in self._map(self._layout.encode, chunks):
            self._content += chunk
            self._lengths.append(len(chunk))

    def write(self, place: Place, file: str) -> FileRecord:
        """Write the file of the shard, and measure it."""
        self._content += self._layout.index(self._lengths)
        content = bytes(self._content)
        self._content.clear()
        place.write(file, content)
        return FileRecord.of(content)


class WrittenShards:
    """The complete files of an unfinished store at a place, named there, so that any later run goes on with them."""

    def __init__(self, place: Place) -> None:
        self._place = place
        # The manifest of a store in a folder may be unfinished; an object store shows it when the store is complete.
        self._name = MANIFEST if isinstance(place, Folder) else UNFINISHED_MANIFEST
        self.files: dict[str, FileRecord] = self._read()

    def add(self, files: Mapping[str, FileRecord]) -> None:
        """Name further files as complete."""
        self.files |= files
        self._place.write(self._name, Manifest(self.files).content())

    def _read(self) -> dict[str, FileRecord]:
        try:
            manifest = Manifest.parse(self._place.read(self._name), self._name)
        except (FileNotFoundError, InputError):
            return {}
        missing = dict(manifest.missing(self._place))
        complete = ROOT in manifest.files
        return {} if complete else {name: r for name, r in manifest.files.items() if name not in missing}
