"""A training set laid out for the workers: a store and its target maps, as one file per shard."""

from dataclasses import dataclass
from pathlib import Path

from hypercolumns.grid.array_file import ArrayFile

LABELS = "labels of pixels"
"""The array of a shard's file that holds the labels, beside those of the layers."""


@dataclass(frozen=True)
class ShardPart:
    """Some of the regions of one shard."""

    shard: int
    rows: slice
    """Rows within the shard."""

    def __len__(self) -> int:
        """Number of regions."""
        return int(self.rows.stop - self.rows.start)


@dataclass(frozen=True)
class ShardFiles:
    """Where the regions of a store and their target maps are laid out; goes to the workers."""

    store: Path
    targets: Path
    """Target maps, as `write_target_maps` wrote them."""
    folder: Path
    """Holds the file of each shard."""
    shards: tuple[slice, ...]
    """Rows of the store that each shard holds."""
    layers: tuple[str, ...]
    heat_map: int
    """Locations per side of a heat map."""

    def parts(self, rows: slice) -> list[ShardPart]:
        """Where `rows` of the store lie: the shards that hold any of them, each with its own rows."""
        return [
            ShardPart(shard, slice(max(rows.start - held.start, 0), min(rows.stop, held.stop) - held.start))
            for shard, held in enumerate(self.shards)
            if held.start < rows.stop and held.stop > rows.start
        ]

    def file(self, shard: int) -> Path:
        """The file that holds the layers and labels of a shard."""
        return self.folder / f"{shard}.safetensors"

    def open(self, shard: int) -> ArrayFile:
        """Open the file of a shard for reading."""
        return ArrayFile(self.file(shard))
