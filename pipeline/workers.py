"""What worker processes start with: their imports, their environment and the process that they are forked from.

It imports the standard library alone: a command asks for that process before its own imports, which take a second.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

# Names, for the modules are not for the process that names them: torch and scikit-learn take seconds to import.
PROPOSALS = "pipeline.proposals.image_set"
"""What workers import to propose."""

SOLVERS = "pipeline.grid.solvers"
"""What workers import to train."""

PREDICTION = "pipeline.tasks.prediction"
"""What workers import to predict."""

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
"""Environment variable with the names of the modules that `pipeline.preload` imports."""

START_METHOD = "forkserver" if sys.platform == "linux" else "spawn"
"""Of workers: forked from a process that has imported what they need, so that two start as fast as one."""


def serve_forks(modules: Sequence[str]) -> None:
    """Start the process that workers are forked from, where they are forked; it imports while this one goes on.

    One that runs already stays as it is.

    Parameters
    ----------
    modules
        What it imports beside Dask.
    """
    if START_METHOD != "forkserver":
        return
    from multiprocessing import forkserver  # takes longer to import than all of the above

    forkserver.set_forkserver_preload(["pipeline.preload"])
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
