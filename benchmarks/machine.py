"""What the machine can do: the limits that the other figures stand beside."""

import os
import platform
from pathlib import Path

import numpy as np
import torch

from benchmarks.figures import Figure, Section
from benchmarks.measuring import apart, interleaved
from benchmarks.sizes import Sizes


def figures(sizes: Sizes) -> Section:
    """Memory bandwidth and float32 matrix products of one thread."""
    load = os.getloadavg()[0]
    bandwidth, products = apart(_limits, sizes.repeats).result  # type: ignore[misc]
    return Section(
        "Machine",
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, torch "
        f"{torch.__version__}, NumPy {np.__version__}.",
        (
            Figure("memory bandwidth, one thread copying", bandwidth / 1e9, "GB/s"),
            Figure("float32 matrix product, one thread", products / 1e9, "GFLOP/s"),
            Figure(
                "processes that wanted a core when this began",
                load,
                "",
                f"{os.cpu_count()} cores; what others run makes times longer and their ratios less sure",
            ),
        ),
    )


def _limits(repeats: int) -> tuple[float, float]:
    """Bytes per second read and written by a copy, operations per second of a matrix product."""
    source = np.ones(2**25, dtype=np.float32)
    target = np.empty_like(source)
    square = np.ones((1024, 1024), dtype=np.float32)
    times = interleaved({"copy": lambda: np.copyto(target, source), "product": lambda: square @ square}, repeats)
    return 2 * source.nbytes / float(np.median(times["copy"])), 2 * 1024**3 / float(np.median(times["product"]))


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
