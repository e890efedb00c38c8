"""The machine: the limits that the other figures are compared with."""

import os
import platform
from pathlib import Path

import numpy as np
import torch

from benchmarks.figures import Figure, Section
from benchmarks.measuring import in_new_process, interleaved
from benchmarks.sizes import Sizes


def figures(sizes: Sizes) -> Section:
    """Measure the memory bandwidth and the float32 matrix products of one thread."""
    load = os.getloadavg()[0]
    bandwidth, products = in_new_process(_limits, sizes.repeats).result  # type: ignore[misc]
    return Section(
        "Machine",
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}, torch "
        f"{torch.__version__}, NumPy {np.__version__}.",
        (
            Figure("memory bandwidth, one thread copying", bandwidth / 1e9, "GB/s"),
            Figure("float32 matrix product, one thread", products / 1e9, "GFLOP/s"),
            Figure(
                "load average of the last minute, at the start",
                load,
                "",
                f"{os.cpu_count()} cores; other programs make times longer and ratios less certain",
            ),
        ),
    )


def _limits(repeats: int) -> tuple[float, float]:
    """Measure the bytes per second that a copy reads and writes, and the operations per second of a matrix product."""
    source = np.ones(2**25, dtype=np.float32)
    target = np.empty_like(source)
    square = np.ones((1024, 1024), dtype=np.float32)
    times = interleaved({"copy": lambda: np.copyto(target, source), "product": lambda: square @ square}, repeats)
    return 2 * source.nbytes / float(np.median(times["copy"])), 2 * 1024**3 / float(np.median(times["product"]))


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
