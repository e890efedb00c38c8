"""The plan of an extraction: which blocks of regions are known, and how the others are computed."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from hypercolumns.annotations.photographs.of_images import Photographs
from hypercolumns.backbones import Backbone
from hypercolumns.backbones.conversion import Sizes
from hypercolumns.backbones.spatial import spatial
from hypercolumns.features import schema
from hypercolumns.features.known_blocks import NOT_KNOWN, KnownRows
from hypercolumns.features.passes import Blocks
from hypercolumns.features.photograph_source import PhotographSource, Spool
from hypercolumns.features.region_source import PhotographCache, WarpedRegionSource
from hypercolumns.features.streams import Streams


@dataclass(frozen=True)
class Plan:
    """The inputs that decide how the blocks of some regions are computed; can be sent to another process."""

    images: NDArray[np.int64]
    """(n,) image ids of the regions."""
    boxes: NDArray[np.float64]
    """(n, 4) expanded boxes of the regions, in pixels."""
    photographs: Photographs
    short_side: int | None
    """None: a region passes the network alone; otherwise the short side of whole photographs."""
    batch_size: int
    shapes: schema.Shapes
    found: NDArray[np.int64]
    """(n,) rows of the regions in `known`; NOT_KNOWN where there is none."""
    known: KnownRows

    def only(self, rows: slice) -> "Plan":
        """Restrict the plan to some of its regions."""
        images = self.images[rows]
        return replace(
            self,
            images=images,
            boxes=self.boxes[rows],
            photographs=self.photographs.only(images.tolist()),
            found=self.found[rows],
        )

    @property
    def sizes(self) -> Sizes:
        """Images that the network is given."""
        return "crops" if self.short_side is None else "photographs"

    def seen_by(self, backbone: Backbone) -> Backbone:
        """The network for such images: as it is for crops, with every layer as a map for photographs."""
        return backbone if self.short_side is None else spatial(backbone)

    def blocks(
        self, first: int, streams: Streams[Backbone], device: torch.device, spool: Path, progress: "tqdm[Any]"
    ) -> Iterator[Blocks]:
        """Yield the blocks of all regions from row `first` on, part by part: known ones are copied, others computed.

        Parameters
        ----------
        spool
            Folder for the blocks of whole photographs.
        """
        missing = np.flatnonzero(self.found[first:] == NOT_KNOWN) + first
        source = self._source(device, spool)
        computed = _regions(source.compute(missing, streams, progress))
        for piece in schema.parts(len(self.images), first):
            rows = np.arange(piece.start, piece.stop)
            is_known = self.found[piece] != NOT_KNOWN
            copied = self.known.read(self.found[piece][is_known]) if is_known.any() else None
            if copied is not None:
                progress.update(int(is_known.sum()))
            elif is_known.any():  # damaged; computing counts them
                copied = _stack(list(_regions(source.compute(rows[is_known], streams, progress))))
            fresh = _stack(list(itertools.islice(computed, int((~is_known).sum()))))
            yield _merge(is_known, copied, fresh)

    def _source(self, device: torch.device, spool: Path) -> "WarpedRegionSource | PhotographSource":
        """Make the object that computes blocks."""
        if self.short_side is None:
            cache = PhotographCache(self.photographs)
            return WarpedRegionSource(cache, self.images, self.boxes, device, self.batch_size)
        kept = Spool(spool, len(self.images), self.shapes)
        return PhotographSource(self.photographs, self.images, self.boxes, device, self.shapes, self.short_side, kept)


def _regions(batches: Iterable[Blocks]) -> Iterator[Blocks]:
    """Split batches into blocks of single regions, without the axis of regions."""
    for batch in batches:
        for row in range(len(next(iter(batch.values())))):
            yield {name: block[row] for name, block in batch.items()}


def _stack(regions: list[Blocks]) -> Blocks | None:
    return {name: np.stack([region[name] for region in regions]) for name in regions[0]} if regions else None


def _merge(is_first: NDArray[np.bool_], first: Blocks | None, second: Blocks | None) -> Blocks:
    """Put the regions of `first` where `is_first`, those of `second` elsewhere."""
    if first is None or second is None:
        return first or second or {}
    merged = {name: np.empty((len(is_first), *block.shape[1:]), block.dtype) for name, block in first.items()}
    for name, block in merged.items():
        block[is_first], block[~is_first] = first[name], second[name]
    return merged
