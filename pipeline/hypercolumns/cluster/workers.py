"""What worker processes start with: their imports, their environment and the process that they are forked from."""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import forkserver

# Names, since the process that starts workers need not import their modules: torch and scikit-learn take seconds.
PROPOSING = ("hypercolumns.proposals.image_set",)
"""Modules that workers import to propose regions."""

TRAINING = ("hypercolumns.grid.fitting",)
"""Modules that workers import to train."""

PREDICTING = ("hypercolumns.tasks.prediction",)
"""Modules that workers import to predict."""

WORKER_ENVIRONMENT = {
    # One thread each: numeric libraries must not compete for cores.
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    # Read when Dask is imported, before it is configured.
    "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "error",
    # Keep freed memory: Dask's default gives it back at once, and faulting it in again took 40 % of the time.
    "MALLOC_TRIM_THRESHOLD_": str(2**28),
    "MALLOC_MMAP_THRESHOLD_": str(2**28),
}

PRELOADED = "HYPERCOLUMNS_PRELOADED"
"""Environment variable with the names of the modules that `hypercolumns.preload` imports."""

START_METHOD = "forkserver" if sys.platform == "linux" else "spawn"
"""Workers are forked from a process that has imported what they need, so that two start as fast as one."""


def serve_forks(modules: Sequence[str]) -> None:
    """Start the process that workers are forked from, unless it runs already or this platform does not fork.

    Parameters
    ----------
    modules
        What it imports beside Dask.
    """
    if START_METHOD != "forkserver":
        return
    forkserver.set_forkserver_preload(["hypercolumns.cluster.preload"])
    in_main_thread = threading.current_thread() is threading.main_thread()
    # It inherits from its first moment on that Ctrl-C, which reaches the whole process group, is not for it.
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN) if in_main_thread else None
    try:
        # Read when a process starts, and not meant for this one, whose libraries may use all cores.
        with environment({**WORKER_ENVIRONMENT, PRELOADED: " ".join(["distributed.nanny", *modules])}):
            forkserver.ensure_running()
    finally:
        if in_main_thread:
            signal.signal(signal.SIGINT, handler)


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for the span of a `with` block, for processes that start in it."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
