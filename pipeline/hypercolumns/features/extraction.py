"""From regions to a feature store: blocks by shard from the network, written behind it, resumed where they stopped."""

import hashlib
import importlib.metadata
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from tqdm import tqdm

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.backbones import Backbone
from hypercolumns.backbones.spatial import spatial
from hypercolumns.devices import choose_device
from hypercolumns.features.passes import PASS, precision
from hypercolumns.features.photograph_maps import LONGEST_TO_SHORTEST, SAMPLES
from hypercolumns.features.photographs import Photographs
from hypercolumns.features.schema import BOX, CHUNK, COLUMNS, SCHEMA, SHARD, n_shards, shard_rows
from hypercolumns.features.store import FeatureStore
from hypercolumns.features.streams import Streams
from hypercolumns.features.warped import Warped
from hypercolumns.features.whole import Whole
from hypercolumns.features.work import Work
from hypercolumns.parameters import ComputeParameters
from hypercolumns.regions import boxes
from hypercolumns.scratch import digest_of_key, work_folder

VERSIONED = ("numpy", "pillow", "timm", "torch", "torchvision", "zarr")


def extract(
    regions: pd.DataFrame,
    annotations: AnnotationSet,
    backbone: Backbone,
    out: Path,
    *,
    scratch: Path,
    expansion: float = 1.2,
    short_side: int | None = None,
    compute: ComputeParameters | None = None,
) -> FeatureStore:
    """Write the hypercolumn blocks of `regions` to the feature store `out`.

    Finished shards are kept below `scratch` until the whole is complete: the same call goes on where an interrupted one
    stopped, and gives the same bytes. Any other backbone, weights, layer, box or photograph starts afresh.

    Parameters
    ----------
    regions
        Table as `selection` makes it, sorted by category.
    annotations
        Where the photographs of `regions` are.
    out
        Replaced when it exists.
    scratch
        Folder for unfinished work, on the file system of `out`.
    expansion
        Both sides of a box are scaled by this before the network sees it.
    short_side
        None: the network sees every region alone, warped to its input (`regions.mode: warp`). Else it sees every
        photograph once, scaled to this short side, and a block of the same shape is cut out of its maps (`image`).
    compute
        Device, and how many regions are warped ahead; the latter does not change a byte. The defaults when None.

    Raises
    ------
    InputError
        When a photograph is missing, unreadable or of another size, the network gives no numbers, or a layer has no
        part for a region of a whole photograph.
    """
    compute = compute or ComputeParameters()
    device = choose_device(compute.device)
    # Blocks have the shapes that warped regions give, so that nothing behind the store need know the mode.
    shapes = _shapes(backbone)
    seeing = backbone if short_side is None else spatial(backbone)
    key = _key(regions, Photographs(annotations), backbone, expansion, short_side, device)
    work = Work(work_folder(key, scratch))
    if not work.started:
        attributes = _attributes(annotations, backbone, short_side, device, digest_of_key(key))
        work.start(regions, shapes, expansion, attributes)
    images, expanded = regions["image"].to_numpy(), boxes.expand(regions[BOX].to_numpy(), expansion)
    source = (
        Warped(annotations, images, expanded, device, compute.batch_size)
        if short_side is None
        else Whole(annotations, images, expanded, shapes, short_side, device, work.folder / "rows")
    )
    missing = [shard for shard in range(n_shards(len(regions))) if not work.has(shard)]
    done = len(regions) - sum(_size(shard_rows(shard, len(regions))) for shard in missing)
    with (
        tqdm(total=len(regions), initial=done, unit=" regions", desc=out.name, dynamic_ncols=True) as progress,
        ThreadPoolExecutor(1) as writer,
        Streams(seeing.to(device), device) as streams,
    ):
        written: Future[None] | None = None
        for shard, blocks in zip(missing, source.shards(missing, streams, progress), strict=True):
            if written is not None:
                written.result()  # at most one shard waits to be written
            written = writer.submit(work.write, shard, blocks)
        if written is not None:
            written.result()
    work.publish(out)
    return FeatureStore.open(out)


def _shapes(backbone: Backbone) -> dict[str, tuple[int, int, int]]:
    """(channels, height, width) of every layer's block."""
    side = backbone.input_size
    with torch.inference_mode():
        # A former extraction may have left the backbone on another device.
        maps = backbone(torch.zeros(1, 3, side, side, device=backbone.device))
    return {name: (m.shape[1], m.shape[2], m.shape[3]) for name, m in maps.items()}


def _size(rows: slice) -> int:
    return rows.stop - rows.start


def _attributes(
    annotations: AnnotationSet, backbone: Backbone, short_side: int | None, device: torch.device, key: str
) -> dict[str, Any]:
    """Root attributes of the store; neither times nor paths, so that equal work gives equal bytes."""
    return {
        "backbone": backbone.name,
        "weights": backbone.weights,
        "weights_sha256": backbone.weights_sha256,
        "preprocessing": {
            "mode": "warp" if short_side is None else "image",
            "input_size": backbone.input_size,
            "mean": list(backbone.mean),
            "std": list(backbone.std),
            "resampling": "bilinear, antialiased",
            **({"outside": "mean colour"} if short_side is None else {"short_side": short_side, "outside": "nearest"}),
        },
        "precision": precision(device),
        "categories": {str(c.id): c.name for c in annotations.categories},
        "key": key,
        "versions": _versions(),
    }


def _key(
    regions: pd.DataFrame,
    photographs: Photographs,
    backbone: Backbone,
    expansion: float,
    short_side: int | None,
    device: torch.device,
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
        "whole_photographs": None if short_side is None else [short_side, LONGEST_TO_SHORTEST, SAMPLES],
        "precision": precision(device),
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in VERSIONED}
