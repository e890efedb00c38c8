"""A feature store in the making: a folder that knows which shards are complete, whatever moment it was left at."""

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


class Work:
    """`folder/store` is the store; `folder/done/<shard>` exists once all layers of the shard are on the disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / "store"
        self._done = folder / "done"
        if not self.store.exists():
            # Markers without a store are left by a run that was killed between publishing and cleaning up.
            shutil.rmtree(self._done, ignore_errors=True)
        self._done.mkdir(exist_ok=True)
        for partial in self.store.rglob("*.partial"):
            partial.unlink()  # Zarr writes files under such names, then renames them

    @property
    def started(self) -> bool:
        return self.store.exists()

    def start(
        self,
        regions: pd.DataFrame,
        shapes: Mapping[str, tuple[int, int, int]],
        expansion: float,
        attributes: Mapping[str, Any],
    ) -> None:
        """Make the store without its blocks; arguments as for `writer.create`."""
        draft = self.folder / "draft"
        shutil.rmtree(draft, ignore_errors=True)
        writer.create(draft, regions, shapes, expansion, attributes)
        draft.replace(self.store)

    def has(self, shard: int) -> bool:
        """Whether a shard is complete."""
        return self._marker(shard).exists()

    def write(self, shard: int, blocks: Mapping[str, ArrayLike]) -> None:
        """Write all layers of a shard and mark it as complete."""
        writer.write_shard(self.store, shard, blocks)
        for layer in blocks:
            # On the disk before the marker is, so that a power cut does not leave a marker without data.
            with (self.store / "blocks" / layer / "c" / shard_file(shard)).open("rb") as stream:
                os.fsync(stream.fileno())
        self._marker(shard).touch()

    def publish(self, out: Path) -> None:
        """Move the finished store to `out` and remove the folder."""
        publish(self.store, out)
        shutil.rmtree(self.folder)

    def _marker(self, shard: int) -> Path:
        return self._done / str(shard)
