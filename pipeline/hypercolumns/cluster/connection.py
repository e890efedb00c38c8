"""Dask workers: a local cluster of processes, or a scheduler that is running already."""

import logging
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import dask
from distributed import CancelledError, Client, LocalCluster
from distributed.comm import CommClosedError

from hypercolumns.cluster.workers import START_METHOD, WORKER_ENVIRONMENT, serve_forks
from hypercolumns.errors import InputError
from hypercolumns.parameters import ComputeParameters


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
            serve_forks(modules)
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


def _ignore_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
