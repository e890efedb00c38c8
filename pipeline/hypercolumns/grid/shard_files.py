"""Training data laid out for the workers: a store and its target maps, rewritten as one file per shard.

A file holds several arrays and is read in small parts: opening files dominates the cost of such reads.
"""

from dataclasses import dataclass
from pathlib import Path

from hypercolumns.grid.array_file import ArrayFile

LABELS = "labels of pixels"
"""Name of the labels in the file of a shard; the other arrays have the names of the layers."""


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
