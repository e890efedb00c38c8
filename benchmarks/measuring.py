"""Time and memory on noisy machines: paired rounds, medians, and a process of its own for every peak of memory."""

import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hypercolumns.cluster.workers import environment

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@dataclass(frozen=True)
class Cost:
    """What a call took: seconds, bytes that its process held at most beyond those before the call, and its result."""

    seconds: float
    peak: int
    result: Any


def seconds(function: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def interleaved(ways: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, NDArray[np.float64]]:
    """Seconds of every way in each of `repeats` rounds, (repeats,) by name.

    A round calls every way once, every other round in reverse order, so that what else the machine does meets all
    alike. A first round is not counted.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(repeats + 1):
        for name in list(ways) if number % 2 else reversed(list(ways)):
            taken = seconds(ways[name])
            if number:
                times[name].append(taken)
    return {name: np.array(values) for name, values in times.items()}


def ratio(of: NDArray[np.float64], to: NDArray[np.float64]) -> float:
    """Median over rounds of the quotient of two ways' seconds."""
    return float(np.median(of / to))


def apart(function: Callable[..., object], *args: object) -> Cost:
    """Call a function of a module in a fresh process whose numeric libraries use one thread, as Dask workers do."""
    with environment(ONE_THREAD):
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            return pool.submit(_measured, function, args).result()


def _measured(function: Callable[..., object], args: tuple[object, ...]) -> Cost:
    before = _resident()
    start = time.perf_counter()
    result = function(*args)
    return Cost(time.perf_counter() - start, _peak() - before, result)


def _resident() -> int:
    """Bytes held now; on Linux the peak starts anew from here."""
    marker = Path("/proc/self/clear_refs")
    if marker.exists():
        marker.write_text("5")
    return _peak()


def _peak() -> int:
    """Bytes that this process held at most."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
