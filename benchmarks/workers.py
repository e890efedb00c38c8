"""Extraction on Dask workers: several processes relative to one, on the CPU and, where there is one, on a GPU."""

import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from benchmarks.extraction import CUDA_FACTOR, Case, cases, extract_anew
from benchmarks.figures import Figure, Goal, Section
from benchmarks.inputs import block_shapes
from benchmarks.measuring import interleaved, median_ratio
from benchmarks.sizes import Sizes
from hypercolumns.cluster.connection import connect
from hypercolumns.features import schema
from hypercolumns.parameters import ComputeParameters

GOAL = Goal("at least", 1.7)

GPU_COUNTS = (1, 2, 4, 8)
"""Numbers of workers that share a GPU, as far as there are cores for them."""

SHARDS_PER_WORKER = 8
"""Few regions make as many shards as they would have in a large store: a worker writes whole shards."""

REGIONS_FACTOR = 3
"""Times as many regions as in the other measurements of extraction, so that the last shards, for which not every worker
has one, weigh little."""


def figures(sizes: Sizes) -> Section:
    """Measure one and two workers of one thread on the CPU, and processes that share a GPU."""
    sizes = replace(sizes, extraction_regions=REGIONS_FACTOR * sizes.extraction_regions)
    results: list[Figure] = []
    with tempfile.TemporaryDirectory() as folder:
        for case in cases(Path(folder), sizes):
            results += _compare(case, sizes.repeats)
    missing = () if torch.cuda.is_available() else ("No GPU: processes that share one are not measured.",)
    return Section(
        "Extraction on workers",
        f"{sizes.extraction_regions} regions of {sizes.photographs} drawn scenes of 320 x 240 pixels, on CUDA "
        f"{CUDA_FACTOR} times as many, by Dask workers that are processes of one thread, have run before, and write "
        f"whole shards; shards are smaller than those of the pipeline, so that each worker writes {SHARDS_PER_WORKER}.",
        tuple(results),
        missing,
    )


def _compare(case: Case, repeats: int) -> list[Figure]:
    counts = (1, 2) if case.device == "cpu" else tuple(n for n in GPU_COUNTS if n <= (os.cpu_count() or 1))
    in_shard = len(case.regions) // (max(counts) * SHARDS_PER_WORKER)
    whole_parts = max(1, in_shard // schema.REGIONS_PER_PART) * schema.REGIONS_PER_PART
    shard_bytes = whole_parts * sum(2 * c * y * x for c, y, x in block_shapes(case.backbone).values())
    before = schema.SHARD_BYTES
    with ExitStack() as stack:
        ways: dict[str, Callable[[], object]] = {}
        for count in counts:
            client = stack.enter_context(connect(ComputeParameters(workers=count)))
            client.run(_set_shard_bytes, shard_bytes)
            ways[str(count)] = partial(extract_anew, case, client)
        stack.callback(_set_shard_bytes, before)
        _set_shard_bytes(shard_bytes)
        times = interleaved(ways, repeats)
    speed = {way: len(case.regions) / float(np.median(values)) for way, values in times.items()}
    return [
        Figure(
            f"{case.name}, {case.place}: {count} workers, relative to one",
            median_ratio(times["1"], times[str(count)]),
            "x",
            f"{speed[str(count)]:.1f} of {speed['1']:.1f} regions/s",
            GOAL if case.device == "cpu" else None,
            "The workers share the machine with the client and its scheduler.",
        )
        for count in counts[1:]
    ]


def _set_shard_bytes(number: int) -> None:
    schema.SHARD_BYTES = number
