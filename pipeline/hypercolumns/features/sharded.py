"""Extraction shard by shard: every shard is computed and written whole by one process, wherever the store lies."""

import tempfile
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from tqdm import tqdm

from hypercolumns.backbones import Backbone
from hypercolumns.backbones.blueprint import Blueprint
from hypercolumns.backbones.conversion import Sizes
from hypercolumns.features import schema
from hypercolumns.features.half import not_finite
from hypercolumns.features.plan import Plan
from hypercolumns.features.streams import Streams
from hypercolumns.places.place import Place
from hypercolumns.stores.finite import NotFiniteError
from hypercolumns.stores.manifest import FileRecord
from hypercolumns.stores.whole_shards import WholeShard, WrittenShards
from hypercolumns.stores.writing import CODING_THREADS

if TYPE_CHECKING:
    from distributed import Client

_Records = dict[str, FileRecord]

_KEPT = 4
"""Streams that a worker keeps."""


@dataclass(frozen=True)
class _Shard:
    """A shard that is to be written."""

    number: int
    plan: Plan
    """Restricted to the regions of the shard."""
    place: Place
    """Holds the store."""


def write_shards(
    plan: Plan, backbone: Backbone, device: torch.device, place: Place, client: "Client | None", name: str
) -> _Records:
    """Write the shards of the blocks of all regions that are not there yet.

    Parameters
    ----------
    backbone
        The network as the plan sees it; without a client prepared to run in this process.
    device
        Device of the network, here or on the workers.
    place
        Place of the store, which the workers reach.
    client
        Client of the Dask cluster; None to compute in this process.
    name
        Label of the progress bar.

    Returns
    -------
    Sizes and checksums of all shards by file.
    """
    written = WrittenShards(place)
    layouts = schema.layouts(plan.shapes)
    step, total = schema.regions_per_shard(plan.shapes), len(plan.images)
    numbers = [
        number
        for number in range(-(-total // step))
        if not all(layout.file(f"blocks/{layer}", number) in written.files for layer, layout in layouts.items())
    ]
    rows = {number: slice(number * step, min((number + 1) * step, total)) for number in numbers}
    shards = (_Shard(number, plan.only(rows[number]), place) for number in numbers)
    missing = sum(of_shard.stop - of_shard.start for of_shard in rows.values())
    with tqdm(total=total, initial=total - missing, unit=" regions", desc=name, dynamic_ncols=True) as progress:
        for index, records in _run(shards, backbone, device, client, progress):
            written.add(records)
            if client is not None:
                progress.update(rows[numbers[index]].stop - rows[numbers[index]].start)
    return written.files


def _run(
    shards: Iterable[_Shard],
    backbone: Backbone,
    device: torch.device,
    client: "Client | None",
    progress: "tqdm[Any]",
) -> Iterator[tuple[int, _Records]]:
    """Yield the number of each shard in `shards`, and its records, as soon as it is written."""
    if client is None:
        with Streams(backbone, device) as streams, ThreadPoolExecutor(CODING_THREADS) as pool:
            for index, shard in enumerate(shards):
                yield index, _write(shard, streams, device, pool, progress)
        return
    from hypercolumns.cluster.mapping import map_unordered, resources_of_networks  # Dask takes time to import

    blueprint = Blueprint.of(backbone)
    write = partial(_write_on_worker, blueprint=blueprint, device=device.type)
    yield from map_unordered(client, write, shards, resources_of_networks(client))


def _write_on_worker(shard: _Shard, blueprint: Blueprint, device: str) -> _Records:
    on = torch.device(device)
    streams = _streams(threading.get_ident(), blueprint, on, shard.plan.sizes)
    # A worker of the CPU has one core; one core beside a GPU would compress less than the GPU computes.
    coding = nullcontext() if on.type == "cpu" else ThreadPoolExecutor(CODING_THREADS)
    # Quiet: the client shows the progress of all workers.
    with streams, coding as pool, tqdm(disable=True) as progress:
        return _write(shard, streams, on, pool, progress)


@lru_cache(_KEPT)
def _streams(_thread: int, blueprint: Blueprint, device: torch.device, sizes: Sizes) -> Streams[Backbone]:
    """The streams of a thread of a worker, kept with the passes that they recorded."""
    return Streams(blueprint.prepared(device, sizes), device, streams=1 if device.type == "cpu" else None)


def _write(
    shard: _Shard, streams: Streams[Backbone], device: torch.device, pool: Executor | None, progress: "tqdm[Any]"
) -> _Records:
    layouts = schema.layouts(shard.plan.shapes)
    encoded = {layer: WholeShard(layout, pool) for layer, layout in layouts.items()}
    with tempfile.TemporaryDirectory(prefix="hypercolumns-") as folder:
        for blocks in shard.plan.blocks(0, streams, device, Path(folder) / "spool", progress):
            for layer, block in blocks.items():
                try:
                    encoded[layer].append(block)
                except NotFiniteError:
                    raise not_finite(layer) from None
    files = {layer: layout.file(f"blocks/{layer}", shard.number) for layer, layout in layouts.items()}
    return {file: encoded[layer].write(shard.place, file) for layer, file in files.items()}
