"""Read a feature store: lazily with Dask or xarray, eagerly part by part, or as hypercolumns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hypercolumns.errors import InputError, choices
from hypercolumns.features import schema
from hypercolumns.features.photographs import MOST_INPUT_SIZE, Annotations, cut_crop, is_colour, photographs_of
from hypercolumns.features.similarity import most_similar
from hypercolumns.regions.interpolation import interpolate_into
from hypercolumns.stores.arrays import DamagedStoreError, StoredArray
from hypercolumns.stores.reading import Store

if TYPE_CHECKING:
    import dask.array as da
    import xarray as xr

    from hypercolumns.annotations.photographs.of_images import Photographs

Rows = slice | Sequence[int] | NDArray[np.integer] | NDArray[np.bool_]
"""A slice, row numbers in any order, or a mask over all rows."""


@dataclass(frozen=True)
class FeatureStore:
    """Hypercolumn blocks of a set of regions: one array per layer, at the resolution of the layer.

    Opened with `FeatureStore.open`. Rows are sorted by category, so the rows of a category are contiguous.

    Attributes
    ----------
    path
        Folder of the store, or its address in an object store.
    store
        Its attributes and arrays, opened for reading.
    annotations
        Annotations that name its photographs, or a file of them. None: the file of the workspace in which the store
        lies.
    """

    path: Path | str
    store: Store
    annotations: Annotations | None = field(default=None, compare=False, repr=False)

    @classmethod
    def open(cls, path: str | Path, annotations: Annotations | None = None) -> "FeatureStore":
        """Open the store at `path` for reading.

        Parameters
        ----------
        path
            Folder of the store, or its address in an object store.
        annotations
            For `photo` and `crop`: the annotations that name the photographs, or a file of them. None:
            `data/annotations/SPLIT.json`, if the store is `data/features/SPLIT.zarr` of the same workspace.

        Raises
        ------
        InputError
            When `path` does not exist, is not a feature store of this version, lacks files or has damaged metadata.
        """
        return replace(cls._open(path, check=True), annotations=annotations)

    @classmethod
    def reopen(cls, path: Path | str) -> "FeatureStore":
        """Open a store without checking its files; for workers, whose client has just opened it with `open`."""
        return cls._open(path, check=False)

    @classmethod
    def _open(cls, path: Path | str, check: bool) -> "FeatureStore":
        store = Store.open(path, schema.SCHEMA, "feature store", "extract", check=check)
        return cls(store.path, store)

    @property
    def address(self) -> str:
        """Absolute path or address of its files, by which other processes open it."""
        return self.store.place.address

    def __len__(self) -> int:
        """Number of regions."""
        return self.store.array("regions/image").rows

    @cached_property
    def attributes(self) -> Mapping[str, Any]:
        """Origin of the features: backbone, weights, preprocessing, expansion, versions."""
        return self.store.attributes

    @cached_property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers, in the order of the backbone parameters."""
        return tuple(layer["name"] for layer in self.attributes["layers"])

    @property
    def parts(self) -> tuple[slice, ...]:
        """Rows in pieces that are processed together; the last one may be shorter than the others."""
        return schema.parts(len(self))

    @cached_property
    def channels(self) -> Mapping[str, int]:
        """Number of channels by layer."""
        return {layer: shape[0] for layer, shape in self.shapes.items()}

    @cached_property
    def shapes(self) -> schema.Shapes:
        """(channels, height, width) of a region's block by layer."""
        return {layer: self.block(layer).shape[1:] for layer in self.layers}  # type: ignore[misc]

    @cached_property
    def blocks(self) -> Mapping[str, "da.Array"]:
        """Lazy (region, channel, y, x) float16 arrays by layer; a Dask chunk is a part."""
        import dask.array as da  # takes a second, which readers of single parts save

        blocks = {layer: self.block(layer) for layer in self.layers}
        return {
            layer: da.from_array(block, chunks=(schema.REGIONS_PER_PART, *block.shape[1:]), asarray=False)
            for layer, block in blocks.items()
        }

    @cached_property
    def regions(self) -> pd.DataFrame:
        """Table of regions: image, category, instance (-1: none), kind, x0, y0, x1, y1, iou, score, category_name.

        A category without a name in the attributes is named by its id.
        """
        columns = {name: self.column(name) for name in schema.COLUMNS}
        kinds = columns["kind"]
        if ((kinds < 0) | (kinds >= len(schema.KINDS))).any():
            fault = f"it has values that are not in 0 .. {len(schema.KINDS) - 1}"
            raise DamagedStoreError(self.path, "the array 'regions/kind'", fault)
        columns["kind"] = np.array(schema.KINDS, dtype=object)[kinds]
        names = self.attributes.get("categories", {})
        ids, positions = np.unique(columns["category"], return_inverse=True)
        named = np.array([names.get(str(number), str(number)) for number in ids.tolist()], dtype=object)
        return pd.DataFrame(columns).assign(category_name=named[positions])

    def column(self, name: str) -> NDArray[Any]:
        """Read one column of the region table, kinds as their number in `kinds` of the attributes."""
        return self.store.array(f"regions/{name}")[:]

    @cached_property
    def expanded_boxes(self) -> NDArray[np.float64]:
        """(region, 4) boxes that the network saw, x0, y0, x1, y1 in pixels; see `schema.expanded_boxes`."""
        return schema.expanded_boxes(self.regions, self.attributes["expansion"])

    def block(self, layer: str) -> StoredArray:
        """The array (region, channel, y, x) of a layer, whose rows are read when it is sliced.

        Raises
        ------
        InputError
            When the store has no such layer.
        """
        if layer not in self.layers:
            raise InputError(f"{self.path} has no layer {layer!r}; it has {choices(self.layers)}.")
        return self.store.array(f"blocks/{layer}")

    def read(self, layer: str, rows: slice) -> NDArray[np.float16]:
        """Read a layer's block of contiguous rows as (rows, channel, y, x); complete parts are fastest.

        Raises
        ------
        InputError
            When the store has no such layer, or the rows are damaged.
        """
        return self.block(layer)[rows]

    def row_number(self, row: int) -> int:
        """Number of a row from 0 on; negative ones count from the end.

        Raises
        ------
        InputError
            When there is no such row.
        """
        try:
            return range(len(self))[row]
        except IndexError:
            rows = f"rows 0 to {len(self) - 1}" if len(self) else "no rows"
            raise InputError(f"{self.path} has no row {row}; it has {rows}.") from None

    def photo(self, row: int) -> NDArray[np.uint8]:
        """Read the photograph of a row: (height, width, 3) RGB, turned as its annotations say.

        Raises
        ------
        InputError
            When there is no such row, nothing says where the photographs are (see `open`), or the photograph is
            missing, broken or of another size.
        """
        return self._photographs.read(self._image(row))

    def photograph_name(self, row: int) -> str:
        """File name of the photograph of a row, as its annotations have it.

        Raises
        ------
        InputError
            As `photo`, but that the photograph is not read.
        """
        return self._photographs.images[self._image(row)].file_name

    def crop(self, row: int) -> NDArray[np.uint8]:
        """Cut out the expanded box of a row as the network saw it: (size, size, 3) RGB, size as the network's input.

        It is mirrored if the row is; what lies outside the photograph has the mean colour. With `regions.mode: image`
        the network saw the whole photograph, and the crop shows what the blocks cover.

        Raises
        ------
        InputError
            As `photo`, and when the store does not say how the network saw its regions.
        """
        shown = self.attributes.get("preprocessing", {})
        size, fill = shown.get("input_size"), shown.get("mean")
        if not (isinstance(size, int) and 0 < size <= MOST_INPUT_SIZE and is_colour(fill)):
            raise InputError(
                f"The attributes of {self.path} do not say how the network saw its regions, or that it saw more than "
                f"{MOST_INPUT_SIZE} pixels.",
                "extract",
            )
        return cut_crop(self.photo(row), self.expanded_boxes[self.row_number(row)], size, fill)

    def nearest(self, row: int, layer: str, n: int = 10, among: Rows | None = None) -> pd.DataFrame:
        """Find the rows whose blocks of a layer are most similar to those of a row, the most similar first.

        Similarity is the cosine between blocks as flat vectors; see `similarity.most_similar`. The layer is read once,
        part by part.

        Parameters
        ----------
        row
            The row to compare with; not among the answers.
        layer
            Name of a layer.
        n
            Number of rows, 0 or more.
        among
            Rows to choose from, such as `store.regions["image"] != store.regions["image"][row]`; None for all.

        Returns
        -------
        The rows of `regions`, indexed by their numbers, with the column `similarity` from -1 to 1.

        Raises
        ------
        InputError
            When the store has no such row or layer, or is damaged, or `n` is negative.
        """
        row = self.row_number(row)
        if n < 0:
            raise InputError(f"The number of nearest rows is {n}; it must be 0 or more.")
        candidates = np.zeros(len(self), dtype=bool)
        candidates[self._numbers(slice(None) if among is None else among)] = True
        candidates[row] = False
        rows, similarity = most_similar(self.block(layer), row, candidates, n)
        return self.regions.iloc[rows].assign(similarity=similarity)

    def to_xarray(self) -> "xr.Dataset":
        """Return the blocks as lazy variables with the region table as coordinates along `region`."""
        import xarray as xr

        return xr.Dataset(
            {layer: (schema.dimension_names(layer), block) for layer, block in self.blocks.items()},
            coords={name: ("region", self.regions[name].to_numpy()) for name in schema.COLUMNS},
            attrs=dict(self.attributes),
        )

    def hypercolumns(self, rows: Rows, size: int = 50, layers: Sequence[str] | None = None) -> "da.Array":
        """Compute, lazily, the hypercolumns at `size` x `size` locations over the expanded boxes of `rows`.

        Parameters
        ----------
        rows
            A slice, row numbers in any order, or a mask over all regions.
        size
            Number of locations per side.
        layers
            Names of the layers, in the order of their channels; None for all layers of the store.

        Returns
        -------
        (rows, size, size, channels of all layers) float32, in chunks of few regions, since a region takes
        4 * size * size * channels bytes.

        Raises
        ------
        InputError
            When the store has no such layer or row, or `size` is below 1.

        Notes
        -----
        Paper, section 3.
        """
        import dask.array as da

        if size < 1:
            raise InputError(f"The size of hypercolumns is {size}; it must be 1 or more.")
        blocks = [self.block(name) for name in (self.layers if layers is None else layers)]
        channels = sum(block.shape[1] for block in blocks)
        numbers = da.from_array(self._numbers(rows), chunks=schema.REGIONS_PER_CHUNK)
        return numbers.map_blocks(
            _hypercolumns,
            blocks,
            size,
            dtype=np.float32,
            new_axis=[1, 2, 3],
            chunks=(*numbers.chunks, (size,), (size,), (channels,)),
            meta=np.empty((0, 0, 0, 0), dtype=np.float32),
        )

    def _image(self, row: int) -> int:
        """Id of the image of a row, which the annotations have."""
        image = int(self.regions["image"].iloc[self.row_number(row)])
        if image not in self._photographs.images:
            raise InputError(
                f"The annotations have no image {image}, which row {row} of {self.path} shows; name those that it was "
                "made from."
            )
        return image

    @cached_property
    def _photographs(self) -> "Photographs":
        return photographs_of(self.path, self.annotations)

    def _numbers(self, rows: Rows) -> NDArray[np.intp]:
        """Row numbers that a slice, numbers or a mask choose."""
        try:
            return np.arange(len(self))[rows]
        except IndexError as error:
            raise InputError(f"Rows of {self.path}, which has {len(self)}: {error}.") from None


def _hypercolumns(rows: NDArray[np.intp], blocks: Sequence[StoredArray], size: int) -> NDArray[np.float32]:
    """Interpolate the (region, channel, y, x) blocks of the given rows and concatenate their channels."""
    columns = np.empty((len(rows), size, size, sum(block.shape[1] for block in blocks)), dtype=np.float32)
    first = 0
    for block in blocks:
        interpolate_into(columns[..., first : first + block.shape[1]], _take(block, rows))
        first += block.shape[1]
    return columns


def _take(block: StoredArray, rows: NDArray[np.intp]) -> NDArray[np.float16]:
    """Read the blocks of `rows` in their order, contiguous rows at once: others share chunks with unwanted rows."""
    if len(rows) and np.all(np.diff(rows) == 1):
        return block[int(rows[0]) : int(rows[-1]) + 1]
    return np.array([block[int(row)] for row in rows], dtype=block.dtype).reshape(len(rows), *block.shape[1:])
