"""Write a feature store: blocks of consecutive regions, and in the end the region table and the attributes."""

import hashlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from hypercolumns.features import schema
from hypercolumns.features.half import as_float16, not_finite
from hypercolumns.features.schema import Shapes
from hypercolumns.stores.finite import NotFiniteError
from hypercolumns.stores.manifest import FileRecord
from hypercolumns.stores.writing import StoreWriter


class FeatureStoreWriter:
    """Writes a feature store in a folder, in a `with` block; goes on where an interrupted run was.

    Parameters
    ----------
    path
        Folder of the store.
    shapes
        (channels, height, width) by layer, in the order of the layers.
    written
        The shards of all blocks if others have written them, so that only `adopt` and `finish` are left to call.

    Attributes
    ----------
    rows
        Number of regions whose blocks are written, at the start those of the interrupted run.
    """

    def __init__(self, path: Path, shapes: Shapes, written: Mapping[str, FileRecord] | None = None) -> None:
        self._shapes = shapes
        self._store = StoreWriter(path, written)
        self._arrays = {
            name: self._store.array(f"blocks/{name}", layout, schema.dimension_names(name))
            for name, layout in schema.layouts(shapes).items()
        }
        self.rows = next(iter(self._arrays.values())).rows
        self._pool = ThreadPoolExecutor(len(self._arrays))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._pool.shutdown()
        self._store.__exit__(*error)

    def append(self, blocks: Mapping[str, ArrayLike]) -> None:
        """Write the blocks (region, channel, y, x) of the next regions by layer; they survive the end of the process.

        After an error the writer can only be left; reopening goes on after the last regions that were appended.

        Raises
        ------
        InputError
            When a value is not finite.
        ValueError
            When a block does not have the shape that the store expects.
        """

        def append_layer(name: str) -> None:
            values = np.asarray(blocks[name])
            try:
                # Half precision is checked chunk by chunk, while it is in the processor's cache.
                self._arrays[name].append(values if values.dtype == np.float16 else as_float16(values, name))
            except NotFiniteError:
                raise not_finite(name) from None

        list(self._pool.map(append_layer, self._arrays))  # side by side, since a file's checksum takes one core
        self._store.checkpoint()
        self.rows += len(np.asarray(next(iter(blocks.values()))))

    def adopt(self, n_regions: int) -> None:
        """Take over the blocks of all regions from the shards that others wrote."""
        for array in self._arrays.values():
            array.adopt(n_regions)
        self.rows = n_regions

    def seal(self) -> int:
        """Complete the last shards although regions are missing, and return the number of those that are there."""
        return min(array.close() for array in self._arrays.values())

    def finish(
        self, regions: pd.DataFrame, digests: NDArray[np.uint8], expansion: float, attributes: Mapping[str, Any]
    ) -> None:
        """Write the region table and the attributes. Equal arguments give equal bytes.

        Parameters
        ----------
        regions
            Columns as in `schema.COLUMNS`, `kind` as a string; sorted by category; one row for each region that was
            appended.
        digests
            (region, `schema.DIGEST_BYTES`) of what the blocks depend on.
        expansion
            Factor by which the boxes of `regions` are expanded before the network sees them.
        attributes
            Further root attributes.

        Raises
        ------
        ValueError
            When the regions are not sorted by category.
        """
        require_sorted(regions)
        for name, dtype in schema.COLUMNS.items():
            values = regions[name].map(schema.KINDS.index) if name == "kind" else regions[name]
            self._store.write(f"regions/{name}", values.to_numpy().astype(dtype), ("region",))
        self._store.write(f"regions/{schema.DIGEST}", digests, ("region", "byte"))
        layers = [
            {"name": name, "channels": channels, "height": height, "width": width}
            for name, (channels, height, width) in self._shapes.items()
        ]
        described = {
            "kinds": list(schema.KINDS),
            "expansion": expansion,
            "layers": layers,
            "digests_sha256": digests_sha256(digests),
        }
        self._store.finish(schema.SCHEMA, {**described, **attributes})


def require_sorted(regions: pd.DataFrame) -> None:
    """Refuse a table whose rows of a category are not contiguous.

    Raises
    ------
    ValueError
        When the regions are not sorted by category.
    """
    if not regions["category"].is_monotonic_increasing:
        raise ValueError("the regions of a feature store must be sorted by category")


def digests_sha256(digests: NDArray[np.uint8]) -> str:
    """SHA-256 of the digests of all regions in their order, an attribute of the store."""
    return hashlib.sha256(digests.tobytes()).hexdigest()


def write_store(
    path: Path,
    regions: pd.DataFrame,
    blocks: Mapping[str, ArrayLike],
    expansion: float = 1.2,
    attributes: Mapping[str, Any] | None = None,
) -> None:
    """Write a complete store from (region, channel, y, x) arrays in memory; for small data sets and tests.

    The digests are those of the blocks themselves.
    """
    arrays = {name: np.asarray(block) for name, block in blocks.items()}
    digests = np.zeros((len(regions), schema.DIGEST_BYTES), np.uint8)
    with FeatureStoreWriter(path, {name: values.shape[1:] for name, values in arrays.items()}) as writer:
        for rows in schema.parts(len(regions), writer.rows):
            writer.append({name: values[rows] for name, values in arrays.items()})
        for row, digest in enumerate(digests):
            content = hashlib.sha256(b"".join(values[row].tobytes() for values in arrays.values())).digest()
            digest[:] = np.frombuffer(content[: schema.DIGEST_BYTES], np.uint8)
        writer.finish(regions, digests, expansion, attributes or {})
