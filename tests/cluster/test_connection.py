"""Workers start with their modules and environment, and Ctrl-C never interrupts the start of a cluster."""

import gc
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from distributed import Client, LocalCluster, Scheduler

from hypercolumns.cluster import connection
from hypercolumns.cluster.connection import connect, defer_interrupts
from hypercolumns.cluster.workers import START_METHOD, WORKER_ENVIRONMENT
from hypercolumns.errors import InputError
from hypercolumns.parameters import ComputeParameters
from tests.documents import ROOT

SCRIPT = """
import os, sys
from hypercolumns.cluster.connection import connect
from hypercolumns.parameters import ComputeParameters

if __name__ == "__main__":
    with connect(ComputeParameters(workers=1), ["wave"]) as client:
        (state,) = client.run(lambda: ("wave" in sys.modules, os.environ["OMP_NUM_THREADS"])).values()
        assert state == (True, "1"), state
        assert "wave" not in sys.modules
        try:
            client.submit(os.listdir, "nowhere").result()
        except FileNotFoundError:
            pass
"""


@pytest.mark.skipif(START_METHOD != "forkserver", reason="workers are forked on Linux only")
def test_workers_have_one_thread_and_preloaded_modules(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {name: value for name, value in os.environ.items() if name not in WORKER_ENVIRONMENT}
    environment["PYTHONPATH"] = str(ROOT / "pipeline")
    completed = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert completed.returncode == 0, completed.stderr
    assert "Traceback" not in completed.stderr  # the client reports errors


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Let Ctrl-C raise, although background jobs of a shell ignore it."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, previous)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_is_raised_at_the_end_of_the_block() -> None:
    steps = []

    def interrupted() -> None:
        with defer_interrupts():
            signal.raise_signal(signal.SIGINT)
            steps.append("continued")

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert steps == ["continued"]


@pytest.mark.usefixtures("interruptible")
def test_workers_that_an_interrupt_ends_while_they_start_are_no_error(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A signal to the process group ends the fork server while Dask waits for its answer."""

    class Interrupting(LocalCluster):
        def __init__(self, **_options: object) -> None:
            signal.raise_signal(signal.SIGINT)
            logging.getLogger("distributed.nanny").error("Failed to start process")
            raise RuntimeError("Nanny failed to start.")

    monkeypatch.setattr(connection, "LocalCluster", Interrupting)
    log = logging.getLogger("distributed")
    log.addHandler(caplog.handler)  # Dask's log does not reach that of pytest
    try:
        with pytest.raises(KeyboardInterrupt), connect(ComputeParameters(workers=1)):
            pass
    finally:
        log.removeHandler(caplog.handler)
    assert not caplog.records


def test_an_interrupt_quietens_dask_only_until_the_cluster_has_closed() -> None:
    log = logging.getLogger("distributed")
    before = log.level
    with pytest.raises(KeyboardInterrupt), connect(ComputeParameters(workers=1)):
        raise KeyboardInterrupt
    assert log.level == before


def test_a_refused_connection_leaves_no_client_behind() -> None:
    """Dask would close it whenever it is collected, and block if that is while the next client starts."""
    gc.collect()
    gc.disable()  # what is left must not be collected by chance
    try:
        # Without certificates this fails at once.
        with pytest.raises(InputError), connect(ComputeParameters(scheduler="tls://127.0.0.1:9")):
            pass
        assert [known for known in gc.get_objects() if isinstance(known, Client)] == []
    finally:
        gc.enable()


def test_a_process_keeps_no_scheduler_of_a_closed_cluster() -> None:
    def schedulers() -> int:
        gc.collect()
        return sum(type(thing) is Scheduler for thing in gc.get_objects())

    before = schedulers()
    for _ in range(2):
        with connect(ComputeParameters(workers=1)) as client:
            assert client.submit(abs, -1).result() == 1
            assert schedulers() > 0
    del client
    assert schedulers() <= before
