"""Training data laid out for the workers: a store and its target maps, rewritten as files of shards.

A file holds several arrays and is read in small parts: opening files dominates the cost of such reads.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from numpy.typing import NDArray

from hypercolumns.features.schema import REGIONS_PER_PART, Shapes, parts
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.array_file import ArrayFile
from hypercolumns.grid.standardise import Moments
from hypercolumns.grid.targets import read_target_maps
from hypercolumns.places.place import Place
from hypercolumns.stores.manifest import NAME as MANIFEST
from hypercolumns.stores.references import is_complete_at, upload

LABELS = "labels of pixels"
"""Name of the labels of a shard; its other arrays have the names of the layers."""

FILE_BYTES = 2**24
"""Size of a file of several shards. Few large files are written, opened and deleted faster than many small ones."""

MAX_SHARDS_PER_FILE = 32
"""Limit for small blocks, so that the headers of files, which workers keep, stay small."""

_TARGETS = "targets.zarr"
"""Name of the target maps beside the files."""


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
class ShardFiles(ABC):
    """The files that hold the regions of a store and their labels; sent to the workers with every task, so kept small.

    A shard is a part of the store, the regions of which are read together. A file holds one shard or more. The files
    lie where the workers share them, together with the target maps that they are made from. They are in use from
    `begin` to `remove`, which the client calls.
    """

    store: Path | str
    """Absolute path or address of the feature store."""
    place: Place
    """Holds the files. Other `layers` need a place of another name, since `ArrayFile` knows objects by their names."""
    n_regions: int
    """Number of regions of the store."""
    layers: tuple[str, ...]
    heat_map: int
    """Locations per side of a heat map."""
    shards_per_file: int = 1

    @property
    def n_files(self) -> int:
        """Number of files."""
        return math.ceil(self.n_regions / (self.shards_per_file * REGIONS_PER_PART))

    def parts(self, rows: slice) -> list[ShardPart]:
        """Split `rows` of the store by the shards that hold them."""
        first = rows.start // REGIONS_PER_PART
        return [
            ShardPart(shard, slice(max(rows.start - held.start, 0), min(rows.stop, held.stop) - held.start))
            for shard, held in enumerate(parts(self.n_regions, first * REGIONS_PER_PART), start=first)
            if held.start < rows.stop
        ]

    @property
    def targets(self) -> Place:
        """Place of the target maps."""
        return self.place.below(_TARGETS)

    def begin(self, targets: Path) -> None:
        """Share the target maps that `write_target_maps` wrote at a path, for the workers to lay out the files."""
        upload(targets, self.targets)

    @property
    def in_use(self) -> bool:
        """Whether the files are needed; False once the client has removed them, at the end or after an error."""
        return is_complete_at(self.targets)

    def remove(self) -> None:
        """Delete the files and the target maps."""
        # The manifest first: a worker that is still writing a file, which the next line may miss, then deletes it.
        self.targets.delete([MANIFEST])
        self.place.delete()

    def name(self, shard: int) -> str:
        """Name of the file with the layers and labels of a shard."""
        return _name(shard // self.shards_per_file)

    def open(self, shard: int) -> ArrayFile:
        """Open the file of a shard for reading the arrays of that shard."""
        return ArrayFile(self.place, self.name(shard), _prefix(shard))

    def discard(self, file: int) -> None:
        """Delete the file with this number."""
        self.place.delete([_name(file)])

    def lay_out(self, file: int) -> list[dict[str, Moments]]:
        """Write the file with this number.

        Returns
        -------
        Moments of every layer for each of its shards.

        Raises
        ------
        InputError
            When features are damaged or not finite.
        """
        store = FeatureStore.reopen(self.store)
        first = file * self.shards_per_file
        held = parts(self.n_regions, first * REGIONS_PER_PART)[: self.shards_per_file]
        labels = read_target_maps(self.targets, slice(held[0].start, held[-1].stop))
        arrays: dict[str, NDArray[Any]] = {}
        moments = []
        for shard, rows in enumerate(held, start=first):
            of_shard = slice(rows.start - held[0].start, rows.stop - held[0].start)
            laid_out, measured = self.lay_out_shard(store, rows, labels[of_shard])
            arrays |= {_prefix(shard) + name: values for name, values in laid_out.items()}
            moments.append(measured)
        ArrayFile.write(self.place, _name(file), arrays)
        return moments

    def with_full_files(self, store: FeatureStore, n_targets: int) -> Self:
        """The same files, with as many shards in each as `FILE_BYTES` and `MAX_SHARDS_PER_FILE` allow."""
        stored = {layer["name"]: layer for layer in store.attributes["layers"]}
        shapes = {n: (stored[n]["channels"], stored[n]["height"], stored[n]["width"]) for n in self.layers}
        shard_bytes = REGIONS_PER_PART * self.region_bytes(shapes, n_targets)
        return replace(self, shards_per_file=max(1, min(MAX_SHARDS_PER_FILE, FILE_BYTES // shard_bytes)))

    @abstractmethod
    def region_bytes(self, shapes: Shapes, n_targets: int) -> int:
        """Bytes that a region takes in a file, given the shapes of its blocks."""

    @abstractmethod
    def lay_out_shard(
        self, store: FeatureStore, rows: slice, labels: NDArray[Any]
    ) -> tuple[Mapping[str, NDArray[Any]], dict[str, Moments]]:
        """Lay out one shard.

        Parameters
        ----------
        store
            The store.
        rows
            Rows of the store that the shard holds.
        labels
            (region, target, size, size) target maps of these regions.

        Returns
        -------
        The arrays of all layers and the `LABELS`, and the moments of every layer.
        """


def _name(file: int) -> str:
    return f"{file}.safetensors"


def _prefix(shard: int) -> str:
    """Beginning of the names of a shard's arrays in a file."""
    return f"{shard}/"
