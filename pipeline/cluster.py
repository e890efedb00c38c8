"""Dask workers: a local cluster of processes, or a scheduler that is running already."""

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing import forkserver

import dask
from distributed import CancelledError, Client, LocalCluster
from distributed.comm import CommClosedError

from pipeline.errors import InputError
from pipeline.parameters import ComputeParameters

WORKER_ENVIRONMENT = {
    # One thread each: numeric libraries must not compete for cores.
    **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    # Read when Dask is imported, before it is configured.
    "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "error",
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
        What the tasks need and this process may not have imported. They are imported once for all workers of this
        process, with the environment of its first call.

    Raises
    ------
    InputError
        When `compute.scheduler` does not answer, or goes away in the meantime.
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
            try:
                yield client
            except (CancelledError, CommClosedError):
                raise InputError(
                    f"compute.scheduler: the scheduler at {compute.scheduler} went away. What is finished is kept; run "
                    "the same again when it is there, or set compute.scheduler to null."
                ) from None
        return
    workers = compute.workers or os.cpu_count() or 1
    settings = {
        "distributed.worker.multiprocessing-method": START_METHOD,
        "distributed.logging.distributed": logging.ERROR,
        "distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT,
    }
    with ExitStack() as stack:
        with _interrupts_held():
            if START_METHOD == "forkserver":
                _serve_forks(modules)
            stack.enter_context(dask.config.set(settings))
            cluster = stack.enter_context(
                LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=":0")
            )
            client = stack.enter_context(Client(cluster))
            # Ctrl-C reaches the whole process group; only the client shall speak of it.
            client.run(_ignore_interrupts)
        yield client


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Ctrl-C is heard at the end of the block: half a cluster cannot be closed."""
    # Not ours to hear in other threads, and in the background of a shell.
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        yield
        return
    heard: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: heard.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if heard:
        raise KeyboardInterrupt


def _serve_forks(modules: Sequence[str]) -> None:
    """Start the process that workers are forked from; one that runs already stays as it is."""
    forkserver.set_forkserver_preload(["distributed.nanny", *modules])
    os.environ.update(WORKER_ENVIRONMENT)  # read when a process starts; Dask sets them here too, and leaves them
    in_main_thread = threading.current_thread() is threading.main_thread()
    # It inherits from its first moment on that Ctrl-C, which reaches the whole process group, is not for it.
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN) if in_main_thread else None
    try:
        forkserver.ensure_running()
    finally:
        if in_main_thread:
            signal.signal(signal.SIGINT, handler)


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
