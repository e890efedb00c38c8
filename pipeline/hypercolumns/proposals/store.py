"""Proposals of an image set on disk: one Zarr group of ragged columns, written once, read image by image."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import ZstdCodec

from hypercolumns.errors import InputError
from hypercolumns.proposals.ranking import FEATURES, Ranker
from hypercolumns.stores import array, open_group

SCHEMA = "hypercolumns-proposals/1"
_CHUNK = 1 << 20
"""Bytes that reading one image decompresses at least, per column (before compression)."""
_SHARD = 1 << 26
"""Bytes per file and column (before compression): few files, written whole, so memory is bounded by it."""
_COLUMNS = {"superpixels": ("<i4", 1), "members": ("|u1", 1), "boxes": ("<f4", 4), "scores": ("<f4", 1)}
"""Ragged columns: type, and numbers per row; row ranges of an image follow from the `images` columns."""
_IMAGES = "image", "height", "width", "superpixels", "candidates"


@dataclass(frozen=True)
class Proposals:
    """Region candidates of one image, best first.

    Attributes
    ----------
    superpixels
        (height, width) int32 labels 0 .. s - 1.
    members
        (n, s) bool: which superpixels form candidate i.
    boxes
        (n, 4) float32 tight boxes x0, y0, x1, y1, end-exclusive.
    scores
        (n,) float32, falling.
    """

    superpixels: NDArray[np.int32]
    members: NDArray[np.bool_]
    boxes: NDArray[np.float32]
    scores: NDArray[np.float32]

    def __len__(self) -> int:
        """Number of candidates."""
        return len(self.members)

    def masks(self, rows: slice | NDArray[np.integer] | NDArray[np.bool_] | list[int]) -> NDArray[np.bool_]:
        """Masks (k, height, width) of the candidates `rows`."""
        return self.members[rows][:, self.superpixels]


@dataclass(frozen=True)
class ProposalStore:
    """The proposals of an image set; `store[image_id]` reads one image. Made by `ProposalStore.open`."""

    path: Path
    group: zarr.Group

    @classmethod
    def open(cls, path: str | Path) -> "ProposalStore":
        """Open the store at `path` for reading.

        Raises
        ------
        InputError
            When there is nothing at `path`, or something that is no proposal store of this version.
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
        """The proposals of one image.

        Raises
        ------
        InputError
            When the store has no such image.
        """
        if image_id not in self._row_of:
            raise InputError(
                f"{self.path} holds no proposals for image {image_id}: it was made from other annotations "
                f"({len(self)} images).",
                "propose",
            )
        row = self._row_of[image_id]
        height, width, superpixels, candidates = (int(self._images[name][row]) for name in _IMAGES[1:])
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
        return {name: np.asarray(array(self.group, f"images/{name}")[:]) for name in _IMAGES}

    @cached_property
    def _ends(self) -> dict[str, NDArray[np.int64]]:
        """Where the values of each image end in each ragged column."""
        i = self._images
        lengths = {
            "superpixels": i["height"] * i["width"],
            "members": i["candidates"] * _row_bytes(i["superpixels"]),
            "boxes": i["candidates"] * 4,
            "scores": i["candidates"],
        }
        return {name: np.cumsum(length) for name, length in lengths.items()}

    @property
    def ranker(self) -> Ranker:
        """What the candidates were ranked by; with `generate.propose` it serves other photographs too."""
        knots, values = (np.asarray(array(self.group, f"ranker/{name}")[:]) for name in ("knots", "values"))
        return Ranker(knots, values, float(self.group.attrs["ranker_bias"]))  # type: ignore[arg-type]

    def _read(self, column: str, row: int) -> NDArray:
        ends = self._ends[column]
        return np.asarray(array(self.group, column)[(ends[row - 1] if row else 0) : ends[row]])


class ProposalWriter:
    """Writes a `ProposalStore` image by image, in the order of the `add` calls; use it in a `with` block.

    The same proposals give the same bytes. Memory is bounded by one shard per column. Without the end of the
    `with` block the store has no schema and cannot be opened.
    """

    def __init__(self, path: Path, ranker: Ranker) -> None:
        self._group = zarr.create_group(path, overwrite=True)
        self._ranker = ranker
        self._columns = {name: _Column(self._group, name, dtype) for name, (dtype, _) in _COLUMNS.items()}
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

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            return
        for column in self._columns.values():
            column.close()
        table = np.array(self._images, dtype=np.int64).reshape(-1, len(_IMAGES))
        for number, name in enumerate(_IMAGES):
            self._group.create_array(f"images/{name}", data=np.ascontiguousarray(table[:, number]))
        for name in ("knots", "values"):
            self._group.create_array(f"ranker/{name}", data=getattr(self._ranker, name))
        self._group.update_attributes({"schema": SCHEMA, "features": list(FEATURES), "ranker_bias": self._ranker.bias})


class _Column:
    """A growing one-dimensional array that is written in whole shards."""

    def __init__(self, group: zarr.Group, name: str, dtype: str) -> None:
        size = np.dtype(dtype).itemsize
        self._shard = _SHARD // size
        self._array = group.create_array(
            name,
            shape=(0,),
            dtype=dtype,
            chunks=(_CHUNK // size,),
            shards=(self._shard,),
            compressors=ZstdCodec(level=3),
            fill_value=0,
            config={"write_empty_chunks": True},
        )
        self._waiting: list[NDArray] = []
        self._count = 0

    def append(self, values: NDArray) -> None:
        self._waiting.append(values.ravel().astype(self._array.dtype))
        self._count += values.size
        if self._count >= self._shard:
            together = np.concatenate(self._waiting)
            whole = len(together) // self._shard * self._shard
            self._write(together[:whole])
            self._waiting, self._count = [together[whole:]], len(together) - whole

    def close(self) -> None:
        if self._count:
            self._write(np.concatenate(self._waiting))

    def _write(self, values: NDArray) -> None:
        start = self._array.shape[0]
        self._array.resize((start + len(values),))
        self._array[start:] = values


def _row_bytes(superpixels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Bytes of one packed bitset."""
    return (superpixels + 7) // 8
