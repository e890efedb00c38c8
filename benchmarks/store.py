"""The feature store: bytes per region, throughput beside raw Zarr, and time to the first hypercolumns."""

import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import Crc32cCodec, ZstdCodec

from benchmarks.extraction import default_backbone
from benchmarks.figures import Figure, Goal, Section
from benchmarks.inputs import (
    O_NET,
    T_NET,
    Shape,
    dense_bytes,
    draw_scenes,
    make_regions,
    no_digests,
    random_activations,
    synthetic_regions,
)
from benchmarks.measuring import in_new_process, interleaved, median_ratio
from benchmarks.sizes import Sizes
from hypercolumns.features.extraction import extract
from hypercolumns.features.schema import REGIONS_PER_CHUNK, REGIONS_PER_PART, parts, regions_per_shard
from hypercolumns.features.store import FeatureStore
from hypercolumns.features.writer import FeatureStoreWriter
from hypercolumns.parameters import ComputeParameters
from hypercolumns.stores import layout

Blocks = Mapping[str, NDArray[np.float16]]

DEFAULT = "EfficientNet-Lite0"


def figures(sizes: Sizes) -> Section:
    """Measure the bytes per region of three networks, and how fast regions are written and read."""
    results: list[Figure] = []
    for network, shapes in (("T-Net", T_NET), ("O-Net", O_NET), (DEFAULT, None)):
        with tempfile.TemporaryDirectory() as folder:
            measured: _Measured = in_new_process(_measure, Path(folder), sizes, shapes).result
            results += _figures(network, measured)
    return Section(
        "Feature store",
        f"{sizes.store_regions} regions, files in the page cache; MB/s of float16 values before "
        "compression. There are no weights here for T-Net (AlexNet as Caffe has it: pool2, conv4, fc7) and O-Net "
        "(VGG-16: pool3, pool4, fc7): their blocks are random values after a ReLU, half of them zero, so that their "
        f"bytes are an estimate. {DEFAULT} has its ImageNet weights and sees drawn scenes with photo backgrounds; its "
        "stages end without a ReLU. Raw Zarr has the same codec (Zstandard, level 1, and CRC-32C), chunks "
        f"({REGIONS_PER_CHUNK} regions) and shards, and reads and writes each array with one call, which is fastest; "
        f"the store is read and written in parts of {REGIONS_PER_PART} regions.",
        tuple(results),
    )


@dataclass(frozen=True)
class _Measured:
    shapes: Mapping[str, Shape]
    raw_bytes: int
    """Bytes of a region in float16."""
    stored_bytes: float
    """Bytes of a region on the disk."""
    count: int
    """Number of regions."""
    times: Mapping[str, NDArray[np.float64]]
    """Seconds for all regions, one per repeat, by operation."""


def _figures(network: str, measured: _Measured) -> list[Figure]:
    dense = dense_bytes(measured.shapes)
    median = {operation: float(np.median(values)) for operation, values in measured.times.items()}
    volume = measured.count * measured.raw_bytes / 1e6
    return [
        Figure(
            f"{network}: stored bytes per region",
            measured.stored_bytes / 1e6,
            "MB",
            f"dense float32 hypercolumns {dense / 1e6:.2f} MB, blocks in float16 {measured.raw_bytes / 1e6:.2f} MB",
        ),
        Figure(f"{network}: dense hypercolumns over stored bytes", dense / measured.stored_bytes, "x"),
        Figure(
            f"{network}: writing speed, relative to raw Zarr",
            median_ratio(measured.times["raw write"], measured.times["write"]),
            "x",
            f"{volume / median['write']:.0f} of {volume / median['raw write']:.0f} MB/s",
            Goal("at least", 0.9),
        ),
        Figure(
            f"{network}: reading speed, relative to raw Zarr",
            median_ratio(measured.times["raw read"], measured.times["read"]),
            "x",
            f"{volume / median['read']:.0f} of {volume / median['raw read']:.0f} MB/s",
            Goal("at least", 0.9),
        ),
        Figure(
            f"{network}: reading speed, relative to reading without comparing checksums",
            median_ratio(measured.times["unchecked"], measured.times["checked"]),
            "x",
            "",
            Goal("at least", 0.97),
            "The comparison runs at the rate of the processor's instruction for CRC-32C, 8 bytes per cycle, and takes "
            "the longer the less blocks compress. Runs differ by more than what is missing.",
        ),
        Figure(
            f"{network}: opening the store",
            median["open"] * 1e3,
            "ms",
            f"as raw Zarr {median['raw open'] * 1e3:.1f} ms",
        ),
        Figure(
            f"{network}: opening the store and computing the hypercolumns of one region",
            median["first"] * 1e3,
            "ms",
            f"opening and reading one region as raw Zarr {median['raw first'] * 1e3:.1f} ms",
            Goal("at most", 15),
            "The operating system clears the pages of the dense result, 17 to 49 MB, as they are first written.",
        ),
    ]


def _measure(folder: Path, sizes: Sizes, shapes: Mapping[str, Shape] | None) -> _Measured:
    blocks = _random_blocks(sizes.store_regions, shapes) if shapes else _real_blocks(folder, sizes)
    count = len(next(iter(blocks.values())))
    ours, raw = folder / "ours.zarr", folder / "raw.zarr"
    _write(ours, blocks)
    _write_raw(raw, blocks)
    store = FeatureStore.open(ours)
    operations: dict[str, Callable[[], object]] = {
        "write": partial(_write, ours, blocks),
        "raw write": partial(_write_raw, raw, blocks),
        "read": partial(_read, store),
        "raw read": partial(_read_raw, raw),
        "open": lambda: FeatureStore.open(ours).layers,
        "raw open": lambda: zarr.open_group(raw, mode="r"),
        "first": lambda: FeatureStore.open(ours).hypercolumns(slice(0, 1)).compute(),
        "raw first": partial(_read_raw, raw, 1),
    }
    times = interleaved(operations, sizes.repeats)
    # The difference is small, so that it takes more repeats to see it.
    checks = interleaved(
        {"checked": operations["read"], "unchecked": partial(_read_unchecked, store)}, 8 * sizes.repeats
    )
    stored = sum(file.stat().st_size for file in ours.rglob("*") if file.is_file())
    shapes = {name: (block.shape[1], block.shape[2], block.shape[3]) for name, block in blocks.items()}
    per_region = sum(block[0].nbytes for block in blocks.values())
    return _Measured(shapes, per_region, stored / count, count, {**times, **checks})


def _random_blocks(regions: int, shapes: Mapping[str, Shape]) -> Blocks:
    rng = np.random.default_rng(0)
    return {name: random_activations(rng, regions, shape) for name, shape in shapes.items()}


def _real_blocks(folder: Path, sizes: Sizes) -> Blocks:
    annotations = draw_scenes(folder / "scenes", sizes.photographs)
    regions = make_regions(annotations, sizes.store_regions)
    out = folder / "extracted.zarr"
    scratch, compute = folder / "scratch", ComputeParameters(device="cpu")
    extract(regions, annotations, default_backbone(), out, scratch=scratch, expansion=1.2, compute=compute)
    store = FeatureStore.open(out)
    return {layer: store.read(layer, slice(0, len(store))) for layer in store.layers}


def _write(path: Path, blocks: Blocks) -> None:
    """Write a store part by part."""
    shutil.rmtree(path, ignore_errors=True)
    count = len(next(iter(blocks.values())))
    shapes = {name: (block.shape[1], block.shape[2], block.shape[3]) for name, block in blocks.items()}
    with FeatureStoreWriter(path, shapes) as writer:
        for rows in parts(count):
            writer.append({name: block[rows] for name, block in blocks.items()})
        writer.finish(synthetic_regions(count), no_digests(count), 1.2, {})


def _write_raw(path: Path, blocks: Blocks) -> None:
    """Write arrays with the same chunks, shards and codec as the store, and force them to the disk as it does."""
    shutil.rmtree(path, ignore_errors=True)
    root = zarr.create_group(path)
    shapes = {name: (block.shape[1], block.shape[2], block.shape[3]) for name, block in blocks.items()}
    for name, block in blocks.items():
        array = root.create_array(
            name,
            shape=block.shape,
            chunks=(REGIONS_PER_CHUNK, *block.shape[1:]),
            shards=(regions_per_shard(shapes), *block.shape[1:]),
            dtype=block.dtype,
            compressors=[ZstdCodec(level=1), Crc32cCodec()],
            config={"write_empty_chunks": True},
        )
        array[:] = block
    for file in path.rglob("c/*/0/0/0"):
        with file.open("rb") as stream:
            os.fsync(stream.fileno())


def _read(store: FeatureStore) -> None:
    for rows in store.parts:
        for layer in store.layers:
            store.read(layer, rows)


def _read_unchecked(store: FeatureStore) -> None:
    """Read as `_read` does, without comparing checksums."""
    with patch.object(layout, "without_crc32c", lambda chunk: np.frombuffer(chunk, np.uint8)[:-4]):
        _read(store)


def _read_raw(path: Path, count: int | None = None) -> None:
    """Read the first `count` regions of all arrays, each with one call."""
    for _, array in zarr.open_group(path, mode="r").arrays():
        array[:count]
