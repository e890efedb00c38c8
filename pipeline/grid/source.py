"""What grids learn from, and where it is laid out for them: a store, target maps, and a folder for the workers."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.grid.shard_file import ShardFile

LABELS = "labels of pixels"
"""Beside the layers, the array of a shard's file that holds the labels."""

ShardRows = tuple[slice, slice]
"""A shard of the store, and the rows of it that are wanted."""


@dataclass(frozen=True)
class Source:
    """Regions of a store with their target maps; goes to the workers."""

    store: Path
    targets: Path
    """Target maps, as `write_target_maps` wrote them."""
    folder: Path
    """Where what is read from the store is written, a file per shard."""
    shards: tuple[slice, ...]
    """Of the store, as `shard_slices` cuts it."""
    layers: tuple[str, ...]
    heat_map: int
    """Locations per side of a heat map."""

    def shards_of(self, rows: slice) -> list[ShardRows]:
        """The shards that hold any of `rows` of the store, each with where these lie in it."""
        return [
            (shard, slice(max(rows.start - shard.start, 0), min(rows.stop, shard.stop) - shard.start))
            for shard in self.shards
            if shard.start < rows.stop and shard.stop > rows.start
        ]

    def file(self, shard: slice) -> Path:
        """Where the layers and labels of one shard are laid out."""
        return self.folder / f"{shard.start}.safetensors"

    def open(self, shard: slice) -> ShardFile:
        """What was laid out for one shard."""
        return ShardFile(self.file(shard))
