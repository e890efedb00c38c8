"""How the rows of an array are cut into chunks and shards, and the bytes of a shard.

An array is cut along its first axis alone. A chunk, the smallest amount that is read, is a Zstandard frame and its
CRC-32C. A shard is a file of chunks, followed by their offsets and lengths and a CRC-32C of these: Zarr's codecs
`zstd`, `crc32c` and `sharding_indexed`, so that any Zarr 3 library reads it.
"""

import math
from dataclasses import dataclass
from typing import Any

import google_crc32c
import numpy as np
import zarr
from numcodecs import zstd
from numpy.typing import NDArray
from zarr.codecs import Crc32cCodec, ZstdCodec

from hypercolumns.stores.finite import require_finite
from hypercolumns.stores.frames import require_content_size

ROOT = "zarr.json"
"""Name of the metadata in the folder of a store and in that of each group and array."""

LEVEL = 1
"""Zstandard level. Measured, ours."""

CODECS = (ZstdCodec(level=LEVEL), Crc32cCodec())
"""Codecs that Zarr applies to the bytes of a chunk."""

CHUNK_BYTES = 1 << 20
"""Uncompressed size of a chunk of arrays that are read as a whole or by column."""

SHARD_BYTES = 1 << 26
"""Uncompressed size of a shard of such arrays."""

EMPTY = 2**64 - 1
"""Offset and length of a chunk that a shard does not have."""

_CRC_BYTES = 4


@dataclass(frozen=True)
class Layout:
    """Shape of a row, type, and rows per chunk and per shard of an array."""

    item: tuple[int, ...]
    """Shape of a row: the array's axes but the first."""
    dtype: np.dtype[Any]
    chunk_rows: int
    shard_rows: int
    """A multiple of `chunk_rows`."""

    @classmethod
    def of(cls, item: tuple[int, ...], dtype: Any) -> "Layout":
        """Layout for an array that is read as a whole or in long runs of rows."""
        kind = np.dtype(dtype).newbyteorder("<")
        row = max(1, math.prod(item) * kind.itemsize)
        chunk = max(1, CHUNK_BYTES // row)
        return cls(item, kind, chunk, chunk * max(1, SHARD_BYTES // (chunk * row)))

    @property
    def chunks_per_shard(self) -> int:
        """Number of chunks in a full shard."""
        return self.shard_rows // self.chunk_rows

    @property
    def index_bytes(self) -> int:
        """Length of the index at the end of a shard."""
        return 16 * self.chunks_per_shard + _CRC_BYTES

    def n_shards(self, rows: int) -> int:
        """Count the shards of an array."""
        return -(-rows // self.shard_rows)

    def file(self, name: str, shard: int) -> str:
        """Path of a shard below the folder of the store, as Zarr names it."""
        return "/".join([name, "c", str(shard), *("0" for _ in self.item)])

    def encode(self, rows: NDArray[Any]) -> bytes:
        """Encode at most `chunk_rows` rows as a chunk; missing rows are zeros, as Zarr fills them.

        Raises
        ------
        NotFiniteError
            When a value is NaN or infinite.
        """
        rows = require_finite(np.ascontiguousarray(rows, dtype=self.dtype))
        if len(rows) < self.chunk_rows:
            rows = np.concatenate([rows, np.zeros((self.chunk_rows - len(rows), *self.item), self.dtype)])
        return with_crc32c(bytes(zstd.compress(rows, LEVEL)))

    def decode(self, chunk: bytes, out: NDArray[Any]) -> None:
        """Decode a chunk into a contiguous array (chunk_rows, *item).

        Raises
        ------
        ValueError
            If the chunk is damaged or does not fill `out`.
        """
        frame = without_crc32c(chunk)
        require_content_size(frame, out.nbytes)
        try:
            zstd.decompress(frame, out.reshape(-1).view(np.uint8))
        except (RuntimeError, ValueError) as error:
            raise ValueError(str(error)) from None

    def index(self, lengths: list[int]) -> bytes:
        """Encode the index of a shard whose chunks of these lengths follow each other."""
        entries = np.full((self.chunks_per_shard, 2), EMPTY, dtype="<u8")
        entries[: len(lengths), 1] = lengths
        entries[: len(lengths), 0] = np.cumsum([0, *lengths[:-1]]) if lengths else []
        return with_crc32c(entries.tobytes())

    def read_index(self, content: bytes) -> NDArray[np.uint64]:
        """Decode an index: (chunk, 2) offsets and lengths.

        Raises
        ------
        ValueError
            If it is damaged.
        """
        if len(content) != self.index_bytes:
            raise ValueError("it is truncated")
        try:
            return without_crc32c(content).view("<u8").reshape(-1, 2)
        except ValueError:
            raise ValueError("the checksum of its index does not match") from None

    def create(self, group: zarr.Group, name: str, rows: int, dimension_names: tuple[str, ...] | None) -> None:
        """Write the metadata of an array with this layout."""
        group.create_array(
            name,
            shape=(rows, *self.item),
            chunks=(self.chunk_rows, *(max(1, side) for side in self.item)),
            shards=(self.shard_rows, *(max(1, side) for side in self.item)),
            dtype=self.dtype,
            compressors=CODECS,
            dimension_names=dimension_names,
        )

    @classmethod
    def read(cls, array: zarr.Array) -> "Layout":
        """Find the layout of an array from its metadata.

        Raises
        ------
        ValueError
            If it is stored in another way.
        """
        shards, compressors = array.shards, array.compressors
        one_cut = shards is not None and tuple(shards[1:]) == tuple(max(1, side) for side in array.shape[1:])
        if not one_cut or [type(codec) for codec in compressors] != [type(codec) for codec in CODECS]:
            raise ValueError("it is not stored in chunks of rows with Zstandard and CRC-32C")
        assert shards is not None  # noqa: S101 - for the type checker
        return cls(tuple(array.shape[1:]), np.dtype(array.dtype), array.chunks[0], shards[0])


def with_crc32c(content: bytes) -> bytes:
    """Append the CRC-32C of bytes, as Zarr's codec `crc32c` does."""
    return content + int(google_crc32c.value(content)).to_bytes(_CRC_BYTES, "little")


def without_crc32c(content: bytes) -> NDArray[np.uint8]:
    """Compare bytes with the CRC-32C at their end, and return those before it without copying them.

    Raises
    ------
    ValueError
        If they do not match.
    """
    values = np.frombuffer(content, np.uint8)[:-_CRC_BYTES]
    if int(google_crc32c.value(values)).to_bytes(_CRC_BYTES, "little") != content[-_CRC_BYTES:]:
        raise ValueError("its checksum does not match")
    return values
