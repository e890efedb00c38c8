"""Proposals of an image set on disk: a Zarr group with ragged columns, written once and read image by image."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hypercolumns.errors import InputError
from hypercolumns.proposals.ranking import FEATURES, Ranker
from hypercolumns.stores.arrays import StoredArray
from hypercolumns.stores.layout import Layout
from hypercolumns.stores.reading import Store
from hypercolumns.stores.replacing import replacing
from hypercolumns.stores.writing import StoreWriter

SCHEMA = "hypercolumns-proposals/3"
COLUMNS = {"superpixels": "<i4", "members": "|u1", "boxes": "<f4", "scores": "<f4"}
"""Types of the ragged columns, one per attribute of `Proposals`; an image's range follows from the image columns."""
_IMAGE_COLUMNS = "image", "height", "width", "superpixels", "candidates"


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

    path: Path | str
    store: Store

    @classmethod
    def open(cls, path: str | Path) -> "ProposalStore":
        """Open the store at `path`, or at an address in an object store, for reading.

        Raises
        ------
        InputError
            When `path` does not exist, is not a proposal store of this version, lacks files or has damaged metadata.
        """
        return cls._open(path, check=True)

    @classmethod
    def reopen(cls, path: Path | str) -> "ProposalStore":
        """Open a store without checking its files; for workers, whose client has just opened it with `open`."""
        return cls._open(path, check=False)

    @classmethod
    def _open(cls, path: Path | str, check: bool) -> "ProposalStore":
        store = Store.open(path, SCHEMA, "proposal store", "propose", check=check)
        return cls(store.path, store)

    @property
    def address(self) -> str:
        """Absolute path or address of its files, by which other processes open it."""
        return self.store.place.address

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
        row = self._row(image_id)
        superpixels, candidates = (int(self._images[name][row]) for name in ("superpixels", "candidates"))
        bits = self._read("members", row).reshape(candidates, -1)
        return Proposals(
            superpixels=self.superpixels(image_id),
            members=np.unpackbits(bits, axis=1, count=superpixels).astype(bool),
            boxes=self._read("boxes", row).reshape(candidates, 4),
            scores=self._read("scores", row),
        )

    def boxes(self, image_id: int) -> NDArray[np.float32]:
        """Read the boxes (n, 4) of the proposals of one image, and nothing else.

        Raises
        ------
        InputError
            When the store does not contain the image.
        """
        return self._read("boxes", self._row(image_id)).reshape(-1, 4)

    def superpixels(self, image_id: int) -> NDArray[np.int32]:
        """Read the superpixel labels (height, width) of one image, and nothing else.

        Raises
        ------
        InputError
            When the store does not contain the image.
        """
        row = self._row(image_id)
        height, width = (int(self._images[name][row]) for name in ("height", "width"))
        return self._read("superpixels", row).reshape(height, width)

    def _row(self, image_id: int) -> int:
        if image_id not in self._row_of:
            raise InputError(
                f"{self.path} has no proposals for image {image_id}: it was made from other annotations "
                f"({len(self)} images).",
                "propose",
            )
        return self._row_of[image_id]

    @cached_property
    def _row_of(self) -> dict[int, int]:
        return {image: row for row, image in enumerate(self.image_ids)}

    @cached_property
    def _images(self) -> dict[str, NDArray[np.int64]]:
        return {name: self.store.array(f"images/{name}")[:] for name in _IMAGE_COLUMNS}

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
        knots, values = (self.store.array(f"ranker/{name}")[:] for name in ("knots", "values"))
        return Ranker(knots, values, float(self.store.attributes["ranker_bias"]))  # type: ignore[arg-type]

    def _read(self, column: str, row: int) -> NDArray:
        ends = self._ends[column]
        return self._columns[column][(int(ends[row - 1]) if row else 0) : int(ends[row])]

    @cached_property
    def _columns(self) -> dict[str, StoredArray]:
        return {name: self.store.array(name) for name in COLUMNS}


class ProposalWriter:
    """Writes a `ProposalStore` image by image, made with `create`.

    Images keep the order of the `add` calls, and the same proposals give the same bytes. Memory is bounded by one chunk
    per column.
    """

    def __init__(self, store: StoreWriter) -> None:
        self._store = store
        self._columns = {name: store.array(name, Layout.of((), dtype)) for name, dtype in COLUMNS.items()}
        self._images: list[tuple[int, ...]] = []

    @classmethod
    @contextmanager
    def create(cls, path: Path, ranker: Ranker) -> Iterator["ProposalWriter"]:
        """Yield the writer of a store that appears at `path` when the block ends without an error."""
        with replacing(path) as store:
            writer = cls(store)
            yield writer
            table = np.array(writer._images, dtype=np.int64).reshape(-1, len(_IMAGE_COLUMNS))
            for i, name in enumerate(_IMAGE_COLUMNS):
                store.write(f"images/{name}", table[:, i])
            for name in ("knots", "values"):
                store.write(f"ranker/{name}", getattr(ranker, name))
            store.finish(SCHEMA, {"features": list(FEATURES), "ranker_bias": ranker.bias})

    def add(self, image_id: int, proposals: Proposals) -> None:
        """Append the proposals of one image."""
        height, width = proposals.superpixels.shape
        count, superpixels = proposals.members.shape
        self._images.append((image_id, height, width, superpixels, count))
        self._columns["superpixels"].append(proposals.superpixels.ravel())
        self._columns["members"].append(np.packbits(proposals.members, axis=1).ravel())
        self._columns["boxes"].append(proposals.boxes.ravel())
        self._columns["scores"].append(proposals.scores)
