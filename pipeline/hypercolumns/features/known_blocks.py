"""Blocks of earlier stores, found by the digest of what they were computed from, whatever the order of the regions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hypercolumns.errors import InputError
from hypercolumns.features import schema
from hypercolumns.features.passes import Blocks
from hypercolumns.features.schema import Shapes
from hypercolumns.features.writer import FeatureStoreWriter, digests_sha256
from hypercolumns.places.folder import Folder
from hypercolumns.places.place import Place
from hypercolumns.stores.arrays import DamagedStoreError, StoredArray
from hypercolumns.stores.layout import ROOT, Layout
from hypercolumns.stores.manifest import Manifest
from hypercolumns.stores.reading import Store
from hypercolumns.stores.references import place_of

_LARGEST_GAP = 8 * schema.REGIONS_PER_CHUNK
"""Rows that are not wanted are read too if fewer of them lie between two that are."""

NOT_KNOWN = -1
"""Row of a region whose blocks no earlier store has."""


@dataclass(frozen=True)
class EarlierStore:
    """The blocks of a store that may be damaged in part; a shard that is damaged is noticed when it is read."""

    digests: NDArray[np.uint8]
    """(region, `schema.DIGEST_BYTES`)."""
    blocks: dict[str, StoredArray]

    @classmethod
    def find(cls, path: Path, shapes: Shapes, expected: NDArray[np.uint8]) -> "EarlierStore | None":
        """Open the store at `path` whatever its state; None if its regions cannot be told.

        Parameters
        ----------
        path
            Folder of a feature store, which may not exist.
        shapes
            (channels, height, width) by layer that the blocks must have.
        expected
            Digests that the store is assumed to have if its own are damaged and its attributes confirm them.
        """
        digests = _digests(path, expected)
        if digests is None:
            return None
        return cls(digests, _blocks(place_of(path), shapes, len(digests)))

    @classmethod
    def seal(cls, path: Path, shapes: Shapes, digests: NDArray[np.uint8]) -> "EarlierStore | None":
        """Complete the shards of an interrupted run, which will not be continued, so that they can be read."""
        with FeatureStoreWriter(path, shapes) as writer:
            rows = writer.seal()
        return cls(digests[:rows], _blocks(Folder(path), shapes, rows))


@dataclass(frozen=True)
class KnownRows:
    """The blocks of all earlier stores by row, one store after the other; can be sent to another process."""

    starts: NDArray[np.int64]
    """First row of each store, and the number of all rows."""
    stores: Sequence[Mapping[str, StoredArray]]
    """Blocks by layer of each store."""

    def read(self, rows: NDArray[np.int64]) -> Blocks | None:
        """Read the blocks of `rows` in their order; None if any of them is damaged."""
        order = np.argsort(rows)
        pieces = [self._read_run(run) for run in self._runs(rows[order])]
        if not all(pieces):
            return None
        if len(pieces) == 1 and (np.diff(order) == 1).all():
            return pieces[0]  # without the copies below
        names = pieces[0] if pieces else {}
        inverse = np.argsort(order)
        return {name: np.concatenate([piece[name] for piece in pieces if piece])[inverse] for name in names or {}}

    def _runs(self, rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """Split ascending rows where another store begins, or where many rows are not wanted."""
        owners = np.searchsorted(self.starts, rows, side="right")
        cuts = np.flatnonzero((np.diff(rows) > _LARGEST_GAP) | (np.diff(owners) > 0)) + 1
        return iter(np.split(rows, cuts)) if len(rows) else iter(())

    def _read_run(self, rows: NDArray[np.int64]) -> Blocks | None:
        number = int(np.searchsorted(self.starts, rows[0], side="right")) - 1
        local = rows - self.starts[number]
        first, last = int(local[0]), int(local[-1]) + 1
        try:
            read = {name: block[first:last] for name, block in self.stores[number].items()}
        except DamagedStoreError:
            return None
        if np.array_equal(local, np.arange(first, last)):
            return read
        return {name: block[local - first] for name, block in read.items()}


class KnownBlocks:
    """The blocks of earlier stores by digest."""

    def __init__(self, stores: Sequence[EarlierStore]) -> None:
        starts = np.cumsum([0, *(len(store.digests) for store in stores)])
        self.rows = KnownRows(starts, [store.blocks for store in stores])
        joined = np.concatenate([np.empty((0, schema.DIGEST_BYTES), np.uint8), *(store.digests for store in stores)])
        self._sorted, self._found = np.unique(_scalars(joined), return_index=True)

    def find(self, digests: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Rows, in `rows`, of the regions with these digests; NOT_KNOWN where there is none."""
        wanted = _scalars(digests)
        if not len(self._sorted):
            return np.full(len(wanted), NOT_KNOWN)
        places = np.searchsorted(self._sorted, wanted).clip(max=len(self._sorted) - 1)
        return np.where(self._sorted[places] == wanted, self._found[places], NOT_KNOWN)


def _blocks(place: Place, shapes: Shapes, n_rows: int) -> dict[str, StoredArray]:
    """The arrays of blocks by layer that a store at a place should have, not opened."""
    layouts = schema.layouts(shapes)
    return {layer: StoredArray(place, f"blocks/{layer}", n_rows, layout) for layer, layout in layouts.items()}


def _digests(path: Path, expected: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
    try:
        rows = Store.open(path, schema.SCHEMA, "feature store", "extract", check=False)
        n_rows = rows.array(f"regions/{schema.DIGEST}").rows
    except InputError:
        rows, n_rows = None, len(expected)
    layout = Layout.of((schema.DIGEST_BYTES,), np.uint8)
    try:
        found = StoredArray(place_of(path), f"regions/{schema.DIGEST}", n_rows, layout)[:]
        return found if rows is not None or np.array_equal(found, expected) else None
    except DamagedStoreError:
        confirmed = rows is not None and rows.attributes.get("digests_sha256") == digests_sha256(expected)
        return expected if confirmed else None


def _scalars(digests: NDArray[np.uint8]) -> NDArray[np.void]:
    """(n,) comparable scalars of (n, bytes)."""
    return np.ascontiguousarray(digests).view(f"S{schema.DIGEST_BYTES}")[:, 0]


def is_complete(path: Path) -> bool:
    """Whether the manifest of the store at `path` names all of it; files may be damaged since."""
    try:
        return ROOT in Manifest.read(path).files
    except (InputError, OSError):
        return False


def is_finished(path: Path) -> bool:
    """Whether a run has written all blocks of the store at `path`, whose manifest may be missing or damaged."""
    return is_complete(path) or (path / ROOT).exists()


def is_intact(path: Path) -> bool:
    """Whether every file that the manifest of a store, finished or not, names is as it was written."""
    try:
        return not any(True for _ in Manifest.read(path).damaged(path))
    except FileNotFoundError:  # no shard is complete
        return not is_finished(path)
    except (InputError, OSError):
        return False
