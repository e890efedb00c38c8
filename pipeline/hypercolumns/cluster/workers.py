"""Start-up of worker processes: their imports, their environment and the fork server that they come from."""

import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker

from hypercolumns.cluster.imports import without_garbage_collection
from hypercolumns.parameters import ComputeParameters

# Module names, because the client does not import them itself: torch and scikit-learn take seconds.
PROPOSING = ("hypercolumns.proposals.image_set", "higra")
"""Modules that workers preload to propose regions."""

TRAINING = ("hypercolumns.grid.remote", "hypercolumns.grid.exact.solver")
"""Modules that workers preload to train."""

PREDICTING = ("hypercolumns.tasks.remote",)
"""Modules that workers preload to predict."""

WORKER_ENVIRONMENT = {
    # One thread per worker: numeric libraries must not compete for cores.
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    # Dask reads this on import, before the client's configuration reaches the worker.
    "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "error",
    # Keep freed memory: with Dask's default it returns to the system at once, and page faults take 40 % of the time.
    "MALLOC_TRIM_THRESHOLD_": str(2**28),
    "MALLOC_MMAP_THRESHOLD_": str(2**28),
}
"""Environment variables of every worker."""

PRELOAD_VARIABLE = "HYPERCOLUMNS_PRELOADED"
"""Environment variable that names the modules for `hypercolumns.cluster.preload`."""

START_METHOD = "forkserver" if sys.platform == "linux" else "spawn"
"""On Linux, workers are forked from a server that has imported their modules once for all of them."""


def start_fork_server(modules: Sequence[str]) -> None:
    """Start the process that workers are forked from; do nothing if it is running or the platform does not fork.

    Parameters
    ----------
    modules
        Modules that it imports in addition to Dask.
    """
    if START_METHOD != "forkserver":
        return
    forkserver.set_forkserver_preload(["hypercolumns.cluster.preload"])
    resource_tracker.ensure_running()  # which ends a block of signals
    # Ctrl-C reaches the whole process group. The server must not receive it from its start on, so let it inherit a
    # block; this process receives it afterwards.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        # Set for the server only: libraries of this process may use all cores.
        with environment({**WORKER_ENVIRONMENT, PRELOAD_VARIABLE: " ".join(["distributed.nanny", *modules])}):
            forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def importing(compute: ComputeParameters, modules: Sequence[str]) -> Iterator[None]:
    """Import in a `with` block while the fork server of local workers imports `modules`; see `start_fork_server`.

    A stage whose workers import after it takes two thirds of a second longer.
    """
    if compute.scheduler is None and modules:
        start_fork_server(modules)
    with without_garbage_collection():
        yield


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables within a `with` block, for processes that start in it."""
    before = {name: os.environ[name] for name in variables if name in os.environ}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in variables:
            os.environ.pop(name, None)
        os.environ.update(before)
