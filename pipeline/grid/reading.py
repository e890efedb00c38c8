"""Reading what one cell sees of some regions into memory: windows of all layers, standardised, and labels."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.grid.maps import Maps, View
from pipeline.grid.shard_file import ShardFile
from pipeline.grid.source import ShardRows
from pipeline.grid.standardise import Standardisation
from pipeline.grid.targets import IGNORE, POSITIVE
from pipeline.grid.windows import CellData, Interpolation, Window


@dataclass(frozen=True)
class _Layer:
    name: str
    size: tuple[int, int]
    """(y, x) of its maps."""
    view: View
    interpolation: Interpolation | None
    """None where the positions of the view are the pixels."""
    shift: Tensor
    """(channel,)"""
    scale: Tensor
    """(channel,)"""


@dataclass(frozen=True)
class _Block:
    """Neighbouring layers of the same positions, whose windows lie side by side: one product serves them all."""

    layers: tuple[_Layer, ...]
    positions: int
    interpolation: Interpolation | None
    """None where the positions are the pixels: finer windows are interpolated once, not in every evaluation."""

    @property
    def channels(self) -> int:
        return sum(len(layer.shift) for layer in self.layers)


@dataclass(frozen=True)
class CellReader:
    """Reads what the layers of `standardisation` show one cell of a grid."""

    maps: Maps
    grid: int
    cell: int
    standardisation: Standardisation
    device: torch.device

    def labels(self, shard: ShardRows) -> NDArray[np.int8]:
        """(target, pixel, region)"""
        with self.maps.open(shard[0]) as file:
            return self.maps.labels(file, self.grid, self.cell)[..., shard[1]]

    def size(self, shards: Sequence[ShardRows], n_targets: int) -> int:
        """Bytes that `load` takes, with the scores of so many targets while they are made: five times the labels."""
        numbers = sum(block.positions * block.channels for block in self._blocks) + 5 * self._pixels * n_targets
        return 4 * numbers * sum(own.stop - own.start for _, own in shards)

    def portions(self, shards: Sequence[ShardRows], n_targets: int, limit: int) -> list[Sequence[ShardRows]]:
        """Consecutive shards that take at most `limit` bytes, or one that takes more."""
        largest = max(self.size([shard], n_targets) for shard in shards)
        together = max(limit // largest, 1)
        return [shards[first : first + together] for first in range(0, len(shards), together)]

    def load(self, shards: Sequence[ShardRows], targets: NDArray[np.int64]) -> CellData:
        """What the cell sees of the regions in `shards`, with the labels of some targets."""
        ends = np.cumsum([own.stop - own.start for _, own in shards]).tolist()
        # Whole from the start and filled a shard at a time, since copies would double the memory.
        labels = np.empty((len(targets), self._pixels, ends[-1]), np.int8)
        values = [torch.empty((b.positions, ends[-1], b.channels), device=self.device) for b in self._blocks]
        for (shard, own), first, last in zip(shards, [0, *ends], ends, strict=False):
            with self.maps.open(shard) as file:
                labels[..., first:last] = self.maps.labels(file, self.grid, self.cell)[targets][..., own]
                for block, whole in zip(self._blocks, values, strict=True):
                    _fill(whole[:, first:last], block, file, own)
        known, positive = (
            torch.from_numpy(of).to(self.device).float() for of in (labels != IGNORE, labels == POSITIVE)
        )
        windows = [Window(v.flatten(0, 1), b.interpolation) for v, b in zip(values, self._blocks, strict=True)]
        return CellData(tuple(windows), known, positive)

    @cached_property
    def _pixels(self) -> int:
        rows, columns = self.maps.pixels(self.grid, self.cell)
        return (rows.stop - rows.start) * (columns.stop - columns.start)

    @cached_property
    def _blocks(self) -> list[_Block]:
        def side_by_side(layer: _Layer) -> tuple[int, int] | None:
            return None if layer.view.positions >= self._pixels else layer.size

        blocks = []
        for size, neighbours in groupby(map(self._layer, self.standardisation.shift), side_by_side):
            layers = tuple(neighbours)
            if size is None:
                blocks.append(_Block(layers, self._pixels, None))
            else:
                blocks.append(_Block(layers, layers[0].view.positions, layers[0].interpolation))
        return blocks

    @cached_property
    def _sizes(self) -> dict[str, tuple[int, int]]:
        return self.maps.sizes()

    def _layer(self, name: str) -> _Layer:
        size = self._sizes[name]
        view = self.maps.view(*size, self.grid, self.cell)
        axes = Interpolation(self._tensor(view.vertical), self._tensor(view.horizontal))
        shift, scale = self.standardisation.shift[name], self.standardisation.scale[name]
        return _Layer(name, size, view, None if view.is_identity else axes, self._tensor(shift), self._tensor(scale))

    def _tensor(self, values: NDArray[Any]) -> Tensor:
        return torch.from_numpy(values).to(self.device)


def _fill(values: Tensor, block: _Block, file: ShardFile, own: slice) -> None:
    """Read the maps of a shard's `own` regions, standardised, into `values` (position, region, channel)."""
    first = 0
    for layer in block.layers:
        last = first + len(layer.shift)
        half = torch.from_numpy(file.read(layer.name, layer.view.rows, layer.view.columns)).to(values.device)
        part = half.flatten(0, 1)[:, own].float().sub_(layer.shift).mul_(layer.scale)
        if block.interpolation is None and layer.interpolation is not None:
            part = layer.interpolation.apply(part[None].flatten(2)).view(-1, *part.shape[1:])
        values[..., first:last] = part
        first = last
