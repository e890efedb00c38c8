"""Workers that die or run out of memory, and schedulers that go away, in one paragraph."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from dask.utils import format_bytes, key_split
from distributed import CancelledError, Client, Future, KilledWorker
from distributed.comm import CommClosedError

from hypercolumns.errors import InputError

logger = logging.getLogger(__name__)

PAUSED_SECONDS = 60.0
"""Time for which all workers may be paused, for lack of memory, before a stage ends."""


@contextmanager
def worded_losses(client: Client, scheduler: str | None) -> Iterator[None]:
    """Word what Dask raises within a `with` block when workers or the scheduler are lost.

    Parameters
    ----------
    scheduler
        Its address; None for local workers.

    Raises
    ------
    InputError
        In place of Dask's error.
    """
    cure = (
        "set compute.workers to a smaller number, since local workers share the memory of this machine"
        if scheduler is None
        else f"start the workers of compute.scheduler, {scheduler}, with a larger --memory-limit"
    )
    limits: list[int] = []
    try:
        with _watching_memory(client, limits):
            yield
    except KilledWorker as error:
        raise InputError(
            f"A task ({key_split(error.task)}) ended its worker {error.allowed_failures + 1} times, the last one "
            f"{error.last_worker.address}. Most likely it needs more memory than a worker has: {cure}. Finished work "
            "is kept; run again."
        ) from None
    except (CancelledError, CommClosedError):
        if limits:
            raise InputError(
                f"The memory of all {len(limits)} workers, at most {format_bytes(max(limits))} each, is full, and they "
                f"take no more tasks: {cure}. Finished work is kept; run again."
            ) from None
        if scheduler is None:
            raise InputError("The local workers went away. Finished work is kept; run again.") from None
        raise InputError(
            f"compute.scheduler: the scheduler at {scheduler} went away. Finished work is kept; run again when the "
            "scheduler is back, or set compute.scheduler to null."
        ) from None


@contextmanager
def _watching_memory(client: Client, limits: list[int]) -> Iterator[None]:
    """Cancel all calls within a `with` block when all workers have been paused for `PAUSED_SECONDS`.

    When there have been no workers for so long, say so.

    Parameters
    ----------
    limits
        List that then takes the memory limit of each worker, in bytes.
    """
    ended = threading.Event()

    def watch() -> None:
        idle_since: float | None = None
        waits = False
        while not ended.wait(PAUSED_SECONDS / 12):
            try:
                workers = client.scheduler_info(n_workers=-1)["workers"].values()
            except (OSError, RuntimeError, TimeoutError):  # the scheduler has gone, which the calls notice too
                return
            if any(worker["status"] != "paused" for worker in workers):
                idle_since, waits = None, False
                continue
            idle_since = idle_since or time.monotonic()
            if waits or time.monotonic() - idle_since < PAUSED_SECONDS:
                continue
            if workers:
                limits.extend(int(worker["memory_limit"]) for worker in workers)
                # Not closed: a caller that cancels its calls meanwhile would wait for ever.
                client.cancel([Future(key, client) for key in list(client.futures)], force=True)
                return
            waits = True
            logger.warning("The scheduler has no workers any more. This waits for new ones; Ctrl-C ends it.")

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join(timeout=PAUSED_SECONDS / 12)
