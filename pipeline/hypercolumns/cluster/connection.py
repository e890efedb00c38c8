"""Connect to Dask workers: a local cluster of processes, or a scheduler that is already running."""

import gc
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext

import dask
import distributed.core
from dask.utils import format_bytes, key_split
from distributed import CancelledError, Client, Future, KilledWorker, LocalCluster, Security
from distributed.comm import CommClosedError
from distributed.comm import connect as connect_comm
from distributed.comm.core import FatalCommClosedError
from distributed.utils import LoopRunner

from hypercolumns.cluster.checking import naming_blind_workers, require_same_workers
from hypercolumns.cluster.workers import START_METHOD, WORKER_ENVIRONMENT, start_fork_server
from hypercolumns.errors import InputError
from hypercolumns.parameters import ComputeParameters

logger = logging.getLogger(__name__)

PAUSED_SECONDS = 60.0
"""Time for which all workers may be paused, for lack of memory, before a stage ends."""

_ANSWER_SECONDS = 30.0
"""Time that a scheduler, which may be busy, has to answer."""


@contextmanager
def connect(compute: ComputeParameters, modules: Sequence[str] = ()) -> Iterator[Client]:
    """Provide a Dask client within a `with` block; local workers are processes with one thread each.

    Parameters
    ----------
    compute
        Address of the scheduler, or number of local workers.
    modules
        Modules that the tasks need. Local workers preload them, so that this process need not import them. Only the
        first call in a process has an effect: it starts the fork server of all later workers.

    Raises
    ------
    InputError
        When `compute.scheduler` does not answer, has no workers or workers with other code or packages, or goes away,
        when a task ends its workers again and again, and when the memory of all workers stays full.

    Notes
    -----
    Workers that join later are not compared here; `mapping` compares their code with each call. A worker that dies is
    replaced, if it is local, and what it was computing is computed again, up to Dask's `allowed-failures`, 3 times:
    more would not help a task that needs more memory than a worker has, and four workers rarely die by chance. Dask
    gives no task to a worker whose memory is nearly full; when that holds for all of them for `PAUSED_SECONDS`, all
    calls are cancelled, since the workers may never take one again.
    """
    if compute.scheduler is not None:
        with connect_to_scheduler(compute.scheduler) as client:
            require_same_workers(client)
            with naming_blind_workers(client) if compute.storage is None else nullcontext():
                yield client
        return
    workers = compute.workers or os.cpu_count() or 1
    settings = {
        "distributed.worker.multiprocessing-method": START_METHOD,
        "distributed.logging.distributed": logging.ERROR,
        "distributed.nanny.pre-spawn-environ": WORKER_ENVIRONMENT,
    }
    with _restored_levels("distributed", "distributed.scheduler") as (log, log_of_scheduler), ExitStack() as stack:
        # Errors reach the client. A nanny says in one line that it has replaced its worker.
        log_of_scheduler.setLevel(logging.CRITICAL)
        stack.callback(_forget_closed_scheduler)
        with defer_interrupts():
            start_fork_server(modules)
            stack.enter_context(dask.config.set(settings))
            cluster = LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=":0")
            client = stack.enter_context(Client(stack.enter_context(cluster)))
            client.run(_leave_reports_to_the_client)
        try:
            with _worded_errors(client, None):
                yield client
        except KeyboardInterrupt:
            # Connections that break while the cluster closes would be logged with tracebacks.
            log.setLevel(logging.CRITICAL + 1)
            raise


def _forget_closed_scheduler() -> None:
    """Empty a cache in which Dask keeps every scheduler of this process, with all tasks that it has logged."""
    cached = getattr(distributed.core, "_expects_comm", None)
    if hasattr(cached, "cache_clear"):
        cached.cache_clear()


@contextmanager
def connect_to_scheduler(address: str) -> Iterator[Client]:
    """Provide a client of a running scheduler, whatever its workers run, within a `with` block.

    Raises
    ------
    InputError
        As `connect`, except that workers are not compared.
    """
    with _quiet(), _client(address) as client:
        try:
            # Waiting does not count workers that are paused, whose full memory is reported otherwise.
            if not client.scheduler_info(n_workers=-1).get("workers"):
                client.wait_for_workers(1, timeout=30)
        except TimeoutError:
            raise InputError(f"compute.scheduler: the scheduler at {address} has no workers.") from None
        with _worded_errors(client, address):
            yield client


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's log silent within a `with` block: what goes wrong is raised too, and logged with tracebacks."""
    with _restored_levels("distributed", "distributed.client") as logs:  # Dask gives both a level and a handler
        for log in logs:
            log.setLevel(logging.CRITICAL + 1)
        yield


@contextmanager
def _restored_levels(*names: str) -> Iterator[list[logging.Logger]]:
    """Provide loggers, whose levels are restored after a `with` block."""
    logs = [logging.getLogger(name) for name in names]
    levels = [log.level for log in logs]
    try:
        yield logs
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)


@contextmanager
def _worded_errors(client: Client, scheduler: str | None) -> Iterator[None]:
    """Word what Dask raises when workers or the scheduler are lost.

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


def _client(address: str) -> Client:
    """Connect to a running scheduler.

    Raises
    ------
    InputError
        When it does not answer.
    """
    try:
        _require_scheduler(address)
        return Client(address, timeout="10s")
    except (OSError, ValueError, TypeError) as error:
        reason = str(error)
    finally:
        # The error held the connection or client that has failed. Collect it now: Dask closes a client when it is
        # collected, and blocks if that happens while another one starts.
        gc.collect()
    raise InputError(f"compute.scheduler: no Dask scheduler answers at {address}: {reason.rstrip('.')}.")


def _require_scheduler(address: str) -> None:
    """Ask who answers at an address, since a client waits forever for servers that do not speak Dask's protocol.

    Raises
    ------
    OSError, ValueError, TypeError
        When it is not a scheduler, or what connecting raises.
    """

    async def ask() -> object:
        connection = await connect_comm(address, timeout=10, **Security().get_connection_args("client"))
        try:
            await connection.write({"op": "identity", "reply": True})
            return (await connection.read()).get("type")
        finally:
            connection.abort()

    runner = LoopRunner()
    runner.start()
    try:
        kind = runner.run_sync(ask, callback_timeout=_ANSWER_SECONDS)
    except TimeoutError:
        raise OSError(f"something accepts connections there, and says nothing for {_ANSWER_SECONDS:.0f} s") from None
    except Exception as error:  # reading what is not Dask's raises errors of any type
        is_clear = isinstance(error, FatalCommClosedError | TypeError) or "scheme" in str(error)  # TLS, the address
        is_clear |= isinstance(error, OSError) and not isinstance(error, CommClosedError)
        if is_clear and str(error).strip("."):
            raise
        kind = None
    finally:
        runner.stop()
    if isinstance(kind, str) and kind != "Scheduler":
        raise OSError(f"a Dask {kind.lower()} is there, not a scheduler")
    if kind != "Scheduler":
        raise OSError(
            "something else, such as a web server, is there, or only one side uses TLS (tls:// in place of tcp://)"
        )


@contextmanager
def defer_interrupts() -> Iterator[None]:
    """Delay Ctrl-C to the end of a `with` block, because a cluster that has only half started cannot be closed.

    SIGTERM as well, where it does not end the process at once.
    """
    if threading.current_thread() is not threading.main_thread():  # other threads cannot set handlers
        yield
        return
    received: list[int] = []
    # Background jobs of a shell ignore Ctrl-C.
    previous = {n: h for n in (signal.SIGINT, signal.SIGTERM) if callable(h := signal.getsignal(n))}
    try:
        for number in previous:
            signal.signal(number, lambda number, _frame: received.append(number))
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
    if received:
        signal.raise_signal(received[0])


def _leave_reports_to_the_client() -> None:
    """Ignore Ctrl-C, which reaches the whole process group, and do not log errors that the client raises again."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("distributed.worker").setLevel(logging.CRITICAL)
