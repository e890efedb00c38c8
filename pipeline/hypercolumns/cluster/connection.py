"""Connect to Dask workers: a local cluster of processes, or a scheduler that is already running."""

import gc
import logging
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext

import dask
import distributed.core
from distributed import Client, LocalCluster, Security
from distributed.comm import CommClosedError
from distributed.comm import connect as connect_comm
from distributed.comm.core import FatalCommClosedError
from distributed.utils import LoopRunner

from hypercolumns.cluster.checking import naming_blind_workers, require_same_workers
from hypercolumns.cluster.losses import worded_losses
from hypercolumns.cluster.workers import START_METHOD, WORKER_ENVIRONMENT, start_fork_server
from hypercolumns.errors import InputError
from hypercolumns.parameters import ComputeParameters

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
    gives no task to a worker whose memory is nearly full; when that holds for all of them for `losses.PAUSED_SECONDS`,
    all calls are cancelled, since the workers may never take one again.
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
        try:
            with defer_interrupts(), _quiet():
                start_fork_server(modules)
                stack.enter_context(dask.config.set(settings))
                cluster = LocalCluster(n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=":0")
                client = stack.enter_context(Client(stack.enter_context(cluster)))
                client.run(_leave_reports_to_the_client)
            with worded_losses(client, None):
                yield client
        except KeyboardInterrupt:
            # Connections that break while the cluster closes would be logged with tracebacks.
            log.setLevel(logging.CRITICAL + 1)
            raise


def _forget_closed_scheduler() -> None:
    """Empty a cache in which Dask keeps every scheduler of this process, with all tasks that it has logged."""
    clear = getattr(getattr(distributed.core, "_expects_comm", None), "cache_clear", None)
    if clear is not None:
        clear()


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
        with worded_losses(client, address):
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

    SIGTERM as well, where it does not end the process at once. An error that ends the block gives way to them: a signal
    to the whole process group also ends the processes that are starting.
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
