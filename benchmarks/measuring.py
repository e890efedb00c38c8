"""Time and memory on noisy machines: paired rounds, medians, and a new process for every peak of memory."""

import multiprocessing
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from hypercolumns.cluster.workers import environment

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Environment that makes numeric libraries use one thread."""

_WATCHING_INTERVAL = 0.2
"""Seconds between two looks at processes. The system keeps their peaks (Linux), so a look only misses what a process
held between the last one and its end."""


@dataclass(frozen=True)
class Cost:
    """Time, memory and result of one call."""

    seconds: float
    peak: int
    """Peak memory of the process in bytes, beyond what it held before the call."""
    result: Any


@dataclass
class Peaks:
    """Peak memory in bytes of processes, with all that they share with others."""

    own: int = 0
    """Peak of this process."""
    child: int = 0
    """The largest among the processes that this process and its children started."""


def seconds(function: Callable[[], object]) -> float:
    """Measure the wall time of one call."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def interleaved(ways: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, NDArray[np.float64]]:
    """Measure functions in rounds, so that other load on the machine affects all of them alike.

    A round calls every function once; every other round goes in reverse order. One more round, the first, is not
    counted.

    Returns
    -------
    Seconds (repeats,) by name.
    """
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(repeats + 1):
        for name in list(ways) if number % 2 else reversed(list(ways)):
            elapsed = seconds(ways[name])
            if number:
                times[name].append(elapsed)
    return {name: np.array(values) for name, values in times.items()}


def median_ratio(numerator: NDArray[np.float64], denominator: NDArray[np.float64]) -> float:
    """Median over rounds of the ratio of two functions' seconds, (repeats,) each."""
    return float(np.median(numerator / denominator))


def in_new_process(function: Callable[..., object], *args: object) -> Cost:
    """Call a module-level function in a new process whose numeric libraries use one thread, as Dask workers do."""
    with environment(ONE_THREAD):
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as pool:
            return pool.submit(_measured, function, args).result()


@contextmanager
def watching() -> Iterator[Peaks]:
    """Watch the memory of this process and of those that it starts in a `with` block; read the peaks after it."""
    peaks = Peaks()
    _reset_peak()

    def watch() -> None:
        peaks.child = max([peaks.child, *map(_peak_of_other, psutil.Process().children(recursive=True))])

    try:
        with repeating(watch, _WATCHING_INTERVAL):
            yield peaks
    finally:
        peaks.own = _peak()


@contextmanager
def repeating(action: Callable[[], object], interval: float) -> Iterator[None]:
    """Call a function every `interval` seconds within a `with` block, in another thread."""
    done = threading.Event()

    def repeat() -> None:
        while not done.wait(interval):
            action()

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _measured(function: Callable[..., object], args: tuple[object, ...]) -> Cost:
    before = _reset_peak()
    start = time.perf_counter()
    result = function(*args)
    return Cost(time.perf_counter() - start, _peak() - before, result)


def _reset_peak() -> int:
    """Bytes held now, where the peak is reset to that (Linux); elsewhere the peak so far."""
    marker = Path("/proc/self/clear_refs")
    if marker.exists():
        marker.write_text("5")
    return _peak()


def _peak() -> int:
    """Most bytes that this process has held since the last reset."""
    if (held := _status_peak("self")) is not None:
        return held
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _peak_of_other(process: psutil.Process) -> int:
    """Most bytes that another process has held (Linux); elsewhere what it holds now; 0 if it has ended."""
    try:
        held = _status_peak(str(process.pid))
        return int(process.memory_info().rss) if held is None else held
    except (OSError, psutil.Error):
        return 0


def _status_peak(process: str) -> int | None:
    """Peak memory in bytes from the status of a process; None without `/proc`, or if it has ended."""
    status = Path("/proc") / process / "status"
    if not status.exists():
        return None
    line = next((line for line in status.read_text().splitlines() if line.startswith("VmHWM")), None)
    return None if line is None else int(line.split()[1]) * 1024
