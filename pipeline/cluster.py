"""Dask workers: a local cluster of processes, or a scheduler that is running already."""

import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import forkserver

import dask
from distributed import Client, LocalCluster

from pipeline.errors import InputError
from pipeline.parameters import ComputeParameters

WORKER_ENVIRONMENT = {
    # One thread each: numeric libraries must not compete for cores.
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    # Keep freed memory: Dask's default gives it back at once, and faulting it in again took 40 % of the time.
    "MALLOC_TRIM_THRESHOLD_": str(2**28),
    "MALLOC_MMAP_THRESHOLD_": str(2**28),
}


START_METHOD = "forkserver" if sys.platform == "linux" else "spawn"
"""Of workers: forked from a process that has imported what they need, so that two start as fast as one."""


@contextmanager
def connect(compute: ComputeParameters, modules: Sequence[str] = ()) -> Iterator[Client]:
    """A Dask client for the span of a `with` block.

    Workers are processes of one thread each.

    Parameters
    ----------
    modules
        What the tasks need and this process may not have imported.

    Raises
    ------
    InputError
        When `compute.scheduler` does not answer.
    """
    if compute.scheduler is not None:
        try:
            client = Client(compute.scheduler, timeout="10s")
        except (OSError, ValueError) as error:
            raise InputError(f"compute.scheduler: no Dask scheduler answers at {compute.scheduler}: {error}") from None
        with client:
            try:
                client.wait_for_workers(1, timeout=30)
            except TimeoutError:
                raise InputError(f"compute.scheduler: the scheduler at {compute.scheduler} has no workers.") from None
            yield client
        return
    workers = compute.workers or os.cpu_count() or 1
    if START_METHOD == "forkserver":
        _serve_forks(modules)
    settings = {
        "distributed.worker.multiprocessing-method": START_METHOD,
        "distributed.logging.distributed": logging.ERROR,
        "distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT,
    }
    with (
        dask.config.set(settings),
        LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        # Ctrl-C reaches the whole process group; only the client shall speak of it.
        client.run(_ignore_interrupts)
        yield client


def _serve_forks(modules: Sequence[str]) -> None:
    """Start the process that workers are forked from; one that runs already stays as it is."""
    command = getattr(sys.modules["__main__"].__spec__, "name", "__main__")
    # Which every worker imports, save a package that was run: that may do its work when it is imported.
    commands = [] if command.rpartition(".")[2] == "__main__" else [command]
    forkserver.set_forkserver_preload(["distributed.nanny", *commands, *modules])
    own = dict(os.environ)
    os.environ.update(WORKER_ENVIRONMENT)  # read when a process starts
    try:
        forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(own)


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
