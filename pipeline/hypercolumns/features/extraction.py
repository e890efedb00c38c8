"""Extract a feature store: compute the blocks of regions shard by shard, resuming after an interruption."""

import hashlib
import importlib.metadata
from collections.abc import Mapping
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
from hypercolumns.features import photographs, schema
from hypercolumns.features.passes import REGIONS_PER_PASS, precision
from hypercolumns.features.photograph_maps import MAX_ASPECT_RATIO, MIN_SAMPLES_PER_SIDE
from hypercolumns.features.photograph_source import PhotographSource, Spool
from hypercolumns.features.region_source import PhotographCache, WarpedRegionSource
from hypercolumns.features.store import FeatureStore
from hypercolumns.features.streams import Streams
from hypercolumns.features.writer import UnfinishedStore
from hypercolumns.parameters import ComputeParameters
from hypercolumns.regions import boxes
from hypercolumns.scratch import key_digest, work_folder

RECORDED_PACKAGES = ("numpy", "pillow", "timm", "torch", "torchvision", "zarr")
"""Packages that can change the bytes of a store; it records their versions."""


def extract(
    regions: pd.DataFrame,
    annotations: AnnotationSet,
    backbone: Backbone,
    out: Path | str,
    *,
    scratch: Path | str,
    expansion: float,
    short_side: int | None = None,
    compute: ComputeParameters | None = None,
) -> FeatureStore:
    """Write the hypercolumn blocks of `regions` to the feature store `out`.

    Finished shards are kept below `scratch` until the store is complete: after an interruption, the same call resumes
    and gives the same bytes. With any other backbone, weights, layer, box or photograph it starts afresh.

    Parameters
    ----------
    regions
        Table made by `selection`, sorted by category.
    annotations
        Names the photographs of `regions`.
    backbone
        The network and its layers; moved to the device of `compute`.
    out
        Replaced if it exists.
    scratch
        Folder for unfinished work, on the file system of `out`.
    expansion
        Factor by which both sides of a box are scaled before the network sees it.
    short_side
        None: every region passes the network alone, warped to its input size (`regions.mode: warp`). Otherwise every
        photograph passes the network once, scaled to this short side in pixels, and blocks of the same shapes are cut
        out of its maps (`regions.mode: image`).
    compute
        Device, and the number of regions that are warped at a time, which does not affect the result; None for the
        defaults.

    Returns
    -------
    The finished store, opened for reading.

    Raises
    ------
    InputError
        When a photograph is missing, unreadable or of another size, a layer has NaN values, or a layer is not a map
        although `short_side` is given.
    """
    out, compute = Path(out), compute or ComputeParameters()
    device = choose_device(compute.device)
    # Blocks have the same shapes in both modes, so that later steps need not know the mode.
    shapes = block_shapes(backbone)
    network = backbone if short_side is None else spatial(backbone)
    key = _key(regions, annotations, backbone, expansion, short_side, device)
    attributes = _attributes(backbone, short_side, key)
    unfinished = UnfinishedStore(work_folder(key, Path(scratch)), regions, shapes, expansion, attributes)
    images, expanded = regions["image"].to_numpy(), boxes.expand(regions[schema.BOX].to_numpy(), expansion)
    source: WarpedRegionSource | PhotographSource
    if short_side is None:
        source = WarpedRegionSource(PhotographCache(annotations), images, expanded, device, compute.batch_size)
    else:
        spool = Spool(unfinished.folder / "rows", len(regions), shapes)
        source = PhotographSource(annotations, images, expanded, device, shapes, short_side, spool)
    shards = [schema.shard_rows(shard, len(regions)) for shard in range(schema.n_shards(len(regions)))]
    missing = [shard for shard in range(len(shards)) if not unfinished.has(shard)]
    done = len(regions) - sum(shards[shard].stop - shards[shard].start for shard in missing)
    with (
        tqdm(total=len(regions), initial=done, unit=" regions", desc=out.name, dynamic_ncols=True) as progress,
        ThreadPoolExecutor(1) as writer,
        Streams(network.to(device), device) as streams,
    ):
        written: Future[None] = Future()
        written.set_result(None)
        for shard, blocks in zip(missing, source.shards(missing, streams, progress), strict=True):
            written.result()  # bounds memory: at most one shard waits to be written
            written = writer.submit(unfinished.write, shard, blocks)
        written.result()
    unfinished.publish(out)
    return FeatureStore.open(out)


def block_shapes(backbone: Backbone) -> schema.Shapes:
    """Measure the shapes of a region's blocks with one forward pass."""
    side = backbone.input_size
    with torch.inference_mode():
        # An earlier extraction may have moved the backbone to another device.
        maps = backbone(torch.zeros(1, 3, side, side, device=backbone.device))
    return {name: (m.shape[1], m.shape[2], m.shape[3]) for name, m in maps.items()}


def _attributes(backbone: Backbone, short_side: int | None, key: Mapping[str, Any]) -> dict[str, Any]:
    """Root attributes of the store; without times and paths, so that equal input gives equal bytes."""
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
        "precision": key["precision"],
        "categories": key["categories"],
        "key": key_digest(key),
        "versions": key["versions"],
    }


def _key(
    regions: pd.DataFrame,
    annotations: AnnotationSet,
    backbone: Backbone,
    expansion: float,
    short_side: int | None,
    device: torch.device,
) -> dict[str, Any]:
    """Everything that the bytes of the store depend on."""
    table = hashlib.sha256()
    for name, dtype in schema.COLUMNS.items():
        column = regions[name]
        table.update(" ".join(column).encode() if name == "kind" else column.to_numpy().astype(dtype).tobytes())
    return {
        "schema": schema.SCHEMA,
        "sizes": [schema.REGIONS_PER_SHARD, schema.REGIONS_PER_CHUNK, REGIONS_PER_PASS],
        "regions": table.hexdigest(),
        "photographs": photographs.digest(annotations, regions["image"].unique().tolist()),
        "categories": {str(c.id): c.name for c in annotations.categories},
        "backbone": backbone.name,
        "weights": [backbone.weights, backbone.weights_sha256],
        "layers": [[layer.name, layer.channels, layer.stride] for layer in backbone.layers],
        "preprocessing": [backbone.input_size, backbone.mean, backbone.std],
        "expansion": expansion,
        "whole_photographs": None if short_side is None else [short_side, MAX_ASPECT_RATIO, MIN_SAMPLES_PER_SIDE],
        "precision": precision(device),
        "versions": {name: importlib.metadata.version(name) for name in RECORDED_PACKAGES},
    }
