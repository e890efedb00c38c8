"""Extraction on Dask workers: several processes relative to one, on the CPU and, where there is one, on a GPU."""

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from distributed import Client

from benchmarks.extraction import CUDA_BACKBONES, CUDA_FACTOR, EXPANSION, default_backbone
from benchmarks.figures import Figure, Goal, Section
from benchmarks.inputs import block_shapes, draw_scenes, make_regions
from benchmarks.measuring import interleaved, median_ratio
from benchmarks.sizes import Sizes
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.backbones import Backbone, create_backbone
from hypercolumns.cluster.connection import connect
from hypercolumns.features import schema
from hypercolumns.features.extraction import extract
from hypercolumns.parameters import ComputeParameters

GOAL = Goal("at least", 1.7)

SHARDS_PER_WORKER = 4
"""Few regions make as many shards as they would have in a large store: a worker writes whole shards."""


@dataclass(frozen=True)
class _Case:
    name: str
    backbone: Backbone
    annotations: AnnotationSet
    regions: pd.DataFrame
    device: str
    counts: tuple[int, ...]
    """Numbers of workers."""


def figures(sizes: Sizes) -> Section:
    """Measure one and two workers of one thread on the CPU, and processes that share a GPU."""
    results: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        annotations = draw_scenes(Path(folder) / "scenes", sizes.photographs)
        regions = make_regions(annotations, sizes.extraction_regions)
        case = _Case("EfficientNet-Lite0", default_backbone(), annotations, regions, "cpu", (1, 2))
        results += _compare(case, Path(folder), sizes.repeats)
        if torch.cuda.is_available():
            annotations = draw_scenes(Path(folder) / "more-scenes", CUDA_FACTOR * sizes.photographs)
            regions = make_regions(annotations, CUDA_FACTOR * sizes.extraction_regions)
            counts = tuple(n for n in (1, 2, 4, 8) if n <= (os.cpu_count() or 1))
            for name, settings in CUDA_BACKBONES.items():
                case = _Case(name, create_backbone(settings), annotations, regions, "cuda", counts)
                results += _compare(case, Path(folder), sizes.repeats)
    missing = () if torch.cuda.is_available() else ("No GPU: processes that share one are not measured.",)
    return Section(
        "Extraction on workers",
        f"{sizes.extraction_regions} regions of {sizes.photographs} drawn scenes of 320 x 240 pixels, on CUDA "
        f"{CUDA_FACTOR} times as many, by Dask workers that are processes of one thread, have run before, and write "
        f"whole shards; shards are smaller than those of the pipeline, so that each worker writes {SHARDS_PER_WORKER}.",
        tuple(results),
        missing,
    )


def _compare(case: _Case, folder: Path, repeats: int) -> list[Figure]:
    most = max(case.counts)
    step = max(1, len(case.regions) // (most * SHARDS_PER_WORKER * schema.REGIONS_PER_PART)) * schema.REGIONS_PER_PART
    shard_bytes = step * sum(2 * c * y * x for c, y, x in block_shapes(case.backbone).values())
    before = schema.SHARD_BYTES
    with ExitStack() as stack:
        ways: dict[str, Callable[[], object]] = {}
        for count in case.counts:
            client = stack.enter_context(connect(ComputeParameters(workers=count)))
            client.run(_set_shard_bytes, shard_bytes)
            ways[str(count)] = _extraction(case, folder, client)
        stack.callback(_set_shard_bytes, before)
        _set_shard_bytes(shard_bytes)
        times = interleaved(ways, repeats)
    speed = {way: len(case.regions) / float(np.median(values)) for way, values in times.items()}
    place = "CPU" if case.device == "cpu" else torch.cuda.get_device_name()
    return [
        Figure(
            f"{case.name}, {place}: {count} workers, relative to one",
            median_ratio(times["1"], times[str(count)]),
            "x",
            f"{speed[str(count)]:.1f} of {speed['1']:.1f} regions/s",
            GOAL if case.device == "cpu" else None,
            "The workers share the machine with the client and its scheduler.",
        )
        for count in case.counts[1:]
    ]


def _extraction(case: _Case, folder: Path, client: Client) -> Callable[[], object]:
    """Make the function that extracts all regions anew."""

    def run() -> None:
        out = folder / "extracted.zarr"
        for earlier in (out, folder / "scratch" / "extract"):  # the converted network stays
            shutil.rmtree(earlier, ignore_errors=True)
        compute = ComputeParameters(device="cpu" if case.device == "cpu" else "cuda")
        extract(
            case.regions,
            case.annotations,
            case.backbone,
            out,
            scratch=folder / "scratch",
            expansion=EXPANSION,
            compute=compute,
            client=client,
        )

    return run


def _set_shard_bytes(number: int) -> None:
    schema.SHARD_BYTES = number
