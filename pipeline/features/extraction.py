"""From regions to a feature store: photographs decoded and warped ahead, the network, shards written behind it."""

import hashlib
import importlib.metadata
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from pipeline import scratch
from pipeline.annotations.model import AnnotationSet
from pipeline.backbones import Backbone
from pipeline.devices import choose_device
from pipeline.errors import InputError
from pipeline.features.photographs import Photographs
from pipeline.features.schema import CHUNK, COLUMNS, SCHEMA, SHARD, n_shards, shard_rows
from pipeline.features.warp import warp
from pipeline.features.work import Work
from pipeline.features.writer import LARGEST
from pipeline.parameters import ComputeParameters
from pipeline.regions import boxes

PASS = 16
"""Regions per forward pass, always: kernels round differently for other numbers, so the last pass of a shard is padded.
Speed does not depend on it from 4 on (CPU); it divides `schema.SHARD`."""

VERSIONED = ("numpy", "pillow", "timm", "torch", "torchvision", "zarr")


def extract(
    regions: pd.DataFrame,
    annotations: AnnotationSet,
    backbone: Backbone,
    expansion: float,
    compute: ComputeParameters,
    out: Path,
    root: Path = scratch.ROOT,
) -> None:
    """Write the hypercolumn blocks of `regions` to the feature store `out`.

    Finished shards are kept below `root` until the whole is complete: the same call goes on where an interrupted one
    stopped, and gives the same bytes. Any other backbone, weights, layer, box or photograph starts afresh.

    Parameters
    ----------
    regions
        Table as `selection` makes it, sorted by category.
    annotations
        Where the photographs of `regions` are.
    expansion
        Both sides of a box are scaled by this before the network sees it.
    compute
        Device, and how many regions are warped ahead; the latter does not change a byte.
    out
        Replaced when it exists.

    Raises
    ------
    InputError
        When a photograph is missing, unreadable or of another size, or the network gives no numbers.
    """
    device = choose_device(compute.device)
    photographs = Photographs(annotations)
    key = _key(regions, photographs, backbone, expansion, device)
    work = Work(scratch.folder(key, root))
    backbone = backbone.to(device)
    if not work.started:
        attributes = _attributes(annotations, backbone, device, scratch.digest_of_key(key))
        work.start(regions, _shapes(backbone, device), expansion, attributes)
    source = _Crops(regions, photographs, backbone, expansion, device)
    missing = [shard for shard in range(n_shards(len(regions))) if not work.has(shard)]
    done = len(regions) - sum(_size(shard_rows(shard, len(regions))) for shard in missing)
    with (
        tqdm(total=len(regions), initial=done, unit=" regions", desc=out.name, dynamic_ncols=True) as progress,
        ThreadPoolExecutor(1) as reader,
        ThreadPoolExecutor(1) as writer,
    ):
        pieces = [piece for shard in missing for piece in _pieces(shard, len(regions), compute.batch_size)]
        crops = _ahead(reader, source.load, pieces)
        written: Future[None] | None = None
        for shard in missing:
            blocks = _run_shard(backbone, shard_rows(shard, len(regions)), crops, progress, device)
            if written is not None:
                written.result()  # at most one shard waits to be written
            written = writer.submit(work.write, shard, blocks)
        if written is not None:
            written.result()
    work.publish(out)


class _Crops:
    """Warped regions by row, for the reading thread."""

    def __init__(
        self,
        regions: pd.DataFrame,
        photographs: Photographs,
        backbone: Backbone,
        expansion: float,
        device: torch.device,
    ) -> None:
        self.images = regions["image"].to_numpy()
        self.boxes = boxes.expand(regions[["x0", "y0", "x1", "y1"]].to_numpy(), expansion)
        self.photographs = photographs
        self.size, self.mean, self.device = backbone.input_size, backbone.mean, device

    def load(self, rows: slice) -> Tensor:
        """(rows, 3, size, size) on the device."""
        return torch.cat([self._warp(int(i)) for i in range(rows.start, rows.stop)])

    def _warp(self, row: int) -> Tensor:
        photo = torch.from_numpy(self.photographs.read(int(self.images[row])))
        box = self.boxes[row]
        if self.device.type == "cpu":
            return warp(photo, [box], self.size, self.mean)
        # Only the pixels of the box travel to the device.
        height, width = photo.shape[:2]
        x0, y0 = np.floor(box[:2]).clip(0, (width - 1, height - 1)).astype(int)
        x1, y1 = np.ceil(box[2:]).clip((x0 + 1, y0 + 1), (width, height)).astype(int)
        crop = photo[y0:y1, x0:x1].contiguous()
        if self.device.type == "cuda":
            crop = crop.pin_memory()
        return warp(crop.to(self.device, non_blocking=True), [box - [x0, y0, x0, y0]], self.size, self.mean)


def _run_shard(
    backbone: Backbone, rows: slice, crops: Iterator[Tensor], progress: "tqdm[Any]", device: torch.device
) -> dict[str, NDArray[np.float16]]:
    """Blocks of one shard's rows; takes from `crops` what belongs to them."""
    parts: list[dict[str, Tensor]] = []
    done = 0
    while done < _size(rows):
        images = next(crops)
        for part in images.split(PASS):
            parts.append(_forward(backbone, part, device))
            progress.update(len(part))
        done += len(images)
    return {layer.name: torch.cat([maps[layer.name] for maps in parts]).numpy() for layer in backbone.layers}


def _forward(backbone: Backbone, images: Tensor, device: torch.device) -> dict[str, Tensor]:
    """Maps of up to `PASS` images as float16 on the CPU; computed in a full pass whose rest is zero."""
    full = (
        torch.cat([images, images.new_zeros((PASS - len(images), *images.shape[1:]))]) if len(images) < PASS else images
    )
    full = full.contiguous(memory_format=torch.channels_last)
    with torch.inference_mode(), torch.autocast(device.type, torch.float16, enabled=device.type == "cuda"):
        maps = backbone(full)
        return {name: _as_half(m[: len(images)], name, backbone) for name, m in maps.items()}


def _as_half(maps: Tensor, layer: str, backbone: Backbone) -> Tensor:
    """Maps as float16 on the CPU, numbers beyond its range as its largest."""
    halves = maps.clamp(-LARGEST, LARGEST).to(torch.float16)
    if maps.amax().isnan():
        raise InputError(
            f"The layer {layer!r} of the backbone {backbone.name} gives values that are no numbers (NaN); check its "
            f"weights ({backbone.weights}), or run with compute.device=cpu if they overflow in half precision."
        )
    return halves.to("cpu", memory_format=torch.contiguous_format)


def _shapes(backbone: Backbone, device: torch.device) -> dict[str, tuple[int, int, int]]:
    """(channels, height, width) of every layer's block."""
    with torch.inference_mode():
        maps = backbone(torch.zeros(1, 3, backbone.input_size, backbone.input_size, device=device))
    return {name: (m.shape[1], m.shape[2], m.shape[3]) for name, m in maps.items()}


def _pieces(shard: int, n_regions: int, batch_size: int) -> list[slice]:
    """The rows of a shard in pieces of about `batch_size`: whole passes, so that passes do not depend on it."""
    rows = shard_rows(shard, n_regions)
    step = min(-(-batch_size // PASS) * PASS, SHARD)
    return [slice(start, min(start + step, rows.stop)) for start in range(rows.start, rows.stop, step)]


def _ahead(pool: ThreadPoolExecutor, function: Callable[[slice], Tensor], items: Sequence[slice]) -> Iterator[Tensor]:
    """`function` of the items in order, two of them computed ahead."""
    futures: list[Future[Tensor]] = []
    for item in items:
        futures.append(pool.submit(function, item))
        if len(futures) > 2:
            yield futures.pop(0).result()
    for future in futures:
        yield future.result()


def _size(rows: slice) -> int:
    return rows.stop - rows.start


def _attributes(annotations: AnnotationSet, backbone: Backbone, device: torch.device, key: str) -> dict[str, Any]:
    """Root attributes of the store; neither times nor paths, so that equal work gives equal bytes."""
    return {
        "backbone": backbone.name,
        "weights": backbone.weights,
        "weights_sha256": backbone.weights_sha256,
        "preprocessing": {
            "input_size": backbone.input_size,
            "mean": list(backbone.mean),
            "std": list(backbone.std),
            "resampling": "bilinear, antialiased",
            "outside": "mean colour",
        },
        "precision": _precision(device),
        "categories": {str(c.id): c.name for c in annotations.categories},
        "key": key,
        "versions": _versions(),
    }


def _key(
    regions: pd.DataFrame, photographs: Photographs, backbone: Backbone, expansion: float, device: torch.device
) -> dict[str, Any]:
    """All that the bytes of the store depend on."""
    table = hashlib.sha256()
    for name, dtype in COLUMNS.items():
        column = regions[name]
        table.update(" ".join(column).encode() if name == "kind" else column.to_numpy().astype(dtype).tobytes())
    return {
        "schema": SCHEMA,
        "sizes": [SHARD, CHUNK, PASS],
        "regions": table.hexdigest(),
        "photographs": photographs.digest(regions["image"].unique().tolist()),
        "categories": {str(c.id): c.name for c in photographs.annotations.categories},
        "backbone": backbone.name,
        "weights": [backbone.weights, backbone.weights_sha256],
        "layers": [[layer.name, layer.channels, layer.stride] for layer in backbone.layers],
        "preprocessing": [backbone.input_size, backbone.mean, backbone.std],
        "expansion": expansion,
        "precision": _precision(device),
        "versions": _versions(),
    }


def _precision(device: torch.device) -> str:
    return f"{device.type}, float16 autocast" if device.type == "cuda" else f"{device.type}, float32"


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in VERSIONED}
