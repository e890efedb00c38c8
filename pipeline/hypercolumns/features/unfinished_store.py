"""A feature store that is being written: a folder that knows, even after a crash, which shards are complete."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from numpy.typing import ArrayLike

from hypercolumns.features import writer
from hypercolumns.features.schema import shard_file
from hypercolumns.scratch import publish


class UnfinishedStore:
    """Writes a feature store shard by shard into a work folder.

    `folder/store` is the store; `folder/done/<shard>` exists once all layers of the shard are on disk.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._store = folder / "store"
        self._done = folder / "done"
        if not self._store.exists():
            # A run that was killed between publishing and cleaning up leaves markers without a store.
            shutil.rmtree(self._done, ignore_errors=True)
        self._done.mkdir(exist_ok=True)
        for partial in self._store.rglob("*.partial"):
            partial.unlink()  # Zarr writes files under such names, then renames them

    @property
    def started(self) -> bool:
        """Whether `start` has been called, in this or an earlier run."""
        return self._store.exists()

    def start(
        self,
        regions: pd.DataFrame,
        shapes: Mapping[str, tuple[int, int, int]],
        expansion: float,
        attributes: Mapping[str, Any],
    ) -> None:
        """Create the store without blocks; takes the arguments of `writer.create`."""
        draft = self.folder / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        writer.create(draft, regions, shapes, expansion, attributes)
        draft.replace(self._store)

    def has(self, shard: int) -> bool:
        """Whether a shard is complete."""
        return self._marker(shard).exists()

    def write(self, shard: int, blocks: Mapping[str, ArrayLike]) -> None:
        """Write all layers of a shard and mark it as complete."""
        writer.write_shard(self._store, shard, blocks)
        for layer in blocks:
            # Force the data to disk before the marker: a power failure must not leave a marker without data.
            with (self._store / "blocks" / layer / "c" / shard_file(shard)).open("rb") as stream:
                os.fsync(stream.fileno())
        self._marker(shard).touch()

    def publish(self, out: Path) -> None:
        """Move the finished store to `out` and remove the work folder."""
        publish(self._store, out)
        shutil.rmtree(self.folder)

    def _marker(self, shard: int) -> Path:
        return self._done / str(shard)
