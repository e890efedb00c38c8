"""Dask workers: a local cluster of processes, or a scheduler that is running already."""

import logging
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

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


@contextmanager
def connect(compute: ComputeParameters) -> Iterator[Client]:
    """A Dask client for the span of a `with` block.

    Workers are spawned processes of one thread each.

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
    settings = {
        "distributed.worker.multiprocessing-method": "spawn",
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


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
