"""Proposals of an image set on disk: a Zarr group with ragged columns, written once and read image by image."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from hypercolumns.errors import InputError
from hypercolumns.proposals.ranking import FEATURES, Ranker
from hypercolumns.stores import array, open_group

SCHEMA = "hypercolumns-proposals/1"
COLUMNS = {"superpixels": "<i4", "members": "|u1", "boxes": "<f4", "scores": "<f4"}
"""Types of the ragged columns, one per attribute of `Proposals`; an image's range follows from the image columns."""
_IMAGE_COLUMNS = "image", "height", "width", "superpixels", "candidates"
_CHUNK_BYTES = 1 << 20
"""Uncompressed size of a chunk, the smallest amount that is read."""
_SHARD_BYTES = 1 << 26
"""Uncompressed size of a shard (one file), the amount that the writer buffers per column."""


@dataclass(frozen=True)
class Proposals:
    """Region candidates of one image, best first.

    Attributes
    ----------
    superpixels
        (height, width) int32 labels 0 .. s - 1.
    members
        (n, s) bool: superpixels that each candidate consists of.
    boxes
        (n, 4) float32 tight boxes x0, y0, x1, y1, end-exclusive.
    scores
        (n,) float32, in descending order.
    """

    superpixels: NDArray[np.int32]
    members: NDArray[np.bool_]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]

    def __len__(self) -> int:
        """Number of candidates."""
        return len(self.members)

    def masks(self, rows: slice | NDArray[np.integer] | NDArray[np.bool_] | list[int]) -> NDArray[np.bool_]:
        """Expand the candidates `rows` to masks (k, height, width)."""
        return self.members[rows][:, self.superpixels]


@dataclass(frozen=True)
class ProposalStore:
    """The proposals of an image set, opened with `ProposalStore.open`; `store[image_id]` reads one image."""

    path: Path
    group: zarr.Group

    @classmethod
    def open(cls, path: str | Path) -> "ProposalStore":
        """Open the store at `path` for reading.

        Raises
        ------
        InputError
            When `path` does not exist or is not a proposal store of this version.
        """
        path = Path(path)
        return cls(path, open_group(path, SCHEMA, "proposal store", "propose"))

    @cached_property
    def image_ids(self) -> tuple[int, ...]:
        """Ids of the images, in the order of the annotations."""
        return tuple(int(i) for i in self._images["image"])

    def __len__(self) -> int:
        """Number of images."""
        return len(self.image_ids)

    def __contains__(self, image_id: object) -> bool:
        return image_id in self._row_of

    def __getitem__(self, image_id: int) -> Proposals:
        """Read the proposals of one image.

        Raises
        ------
        InputError
            When the store does not contain the image.
        """
        if image_id not in self._row_of:
            raise InputError(
                f"{self.path} has no proposals for image {image_id}: it was made from other annotations "
                f"({len(self)} images).",
                "propose",
            )
        row = self._row_of[image_id]
        height, width, superpixels, candidates = (int(self._images[name][row]) for name in _IMAGE_COLUMNS[1:])
        bits = self._read("members", row).reshape(candidates, -1)
        return Proposals(
            superpixels=self._read("superpixels", row).reshape(height, width),
            members=np.unpackbits(bits, axis=1, count=superpixels).astype(bool),
            boxes=self._read("boxes", row).reshape(candidates, 4),
            scores=self._read("scores", row),
        )

    @cached_property
    def _row_of(self) -> dict[int, int]:
        return {image: row for row, image in enumerate(self.image_ids)}

    @cached_property
    def _images(self) -> dict[str, NDArray[np.int64]]:
        return {name: np.asarray(array(self.group, f"images/{name}")[:]) for name in _IMAGE_COLUMNS}

    @cached_property
    def _ends(self) -> dict[str, NDArray[np.int64]]:
        """End of the values of each image in each ragged column."""
        images = self._images
        lengths = {
            "superpixels": images["height"] * images["width"],
            "members": images["candidates"] * ((images["superpixels"] + 7) // 8),  # bits packed into bytes
            "boxes": images["candidates"] * 4,
            "scores": images["candidates"],
        }
        return {name: np.cumsum(length) for name, length in lengths.items()}

    @property
    def ranker(self) -> Ranker:
        """The ranker of these proposals; pass it to `generate.propose` for other photographs."""
        knots, values = (np.asarray(array(self.group, f"ranker/{name}")[:]) for name in ("knots", "values"))
        return Ranker(knots, values, float(self.group.attrs["ranker_bias"]))  # type: ignore[arg-type]

    def _read(self, column: str, row: int) -> NDArray:
        ends = self._ends[column]
        return np.asarray(array(self.group, column)[(ends[row - 1] if row else 0) : ends[row]])


class ProposalWriter:
    """Writes a `ProposalStore` image by image; use it in a `with` block.

    Images keep the order of the `add` calls, and the same proposals give the same bytes. Memory is bounded by one shard
    per column. The store can be opened only after the `with` block has ended without an error.
    """

    def __init__(self, path: Path, ranker: Ranker) -> None:
        self._group = zarr.create_group(path, overwrite=True)
        self._ranker = ranker
        self._columns = {name: _Column(self._group, name, dtype) for name, dtype in COLUMNS.items()}
        self._images: list[tuple[int, ...]] = []

    def __enter__(self) -> "ProposalWriter":
        return self

    def add(self, image_id: int, proposals: Proposals) -> None:
        """Append the proposals of one image."""
        height, width = proposals.superpixels.shape
        count, superpixels = proposals.members.shape
        self._images.append((image_id, height, width, superpixels, count))
        self._columns["superpixels"].append(proposals.superpixels)
        self._columns["members"].append(np.packbits(proposals.members, axis=1))
        self._columns["boxes"].append(proposals.boxes)
        self._columns["scores"].append(proposals.scores)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            return
        for column in self._columns.values():
            column.close()
        table = np.array(self._images, dtype=np.int64).reshape(-1, len(_IMAGE_COLUMNS))
        for i, name in enumerate(_IMAGE_COLUMNS):
            self._group.create_array(f"images/{name}", data=np.ascontiguousarray(table[:, i]))
        for name in ("knots", "values"):
            self._group.create_array(f"ranker/{name}", data=getattr(self._ranker, name))
        self._group.update_attributes({"schema": SCHEMA, "features": list(FEATURES), "ranker_bias": self._ranker.bias})


class _Column:
    """A growing one-dimensional array that is written one or more complete shards at a time."""

    def __init__(self, group: zarr.Group, name: str, dtype: str) -> None:
        size = np.dtype(dtype).itemsize
        self._shard_size = _SHARD_BYTES // size
        self._array = group.create_array(
            name,
            shape=(0,),
            dtype=dtype,
            chunks=(_CHUNK_BYTES // size,),
            shards=(self._shard_size,),
            compressors=ZstdCodec(level=3),
            config={"write_empty_chunks": True},
        )
        self._pending: list[NDArray] = []
        self._count = 0

    def append(self, values: NDArray) -> None:
        self._pending.append(values.ravel().astype(self._array.dtype))
        self._count += values.size
        if self._count >= self._shard_size:
            pending = np.concatenate(self._pending)
            end = self._count // self._shard_size * self._shard_size
            self._array.append(pending[:end])
            self._pending, self._count = [pending[end:]], self._count - end

    def close(self) -> None:
        if self._count:
            self._array.append(np.concatenate(self._pending))
