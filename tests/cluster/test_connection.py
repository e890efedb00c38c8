"""Workers start with what they need, and Ctrl-C finds a whole cluster or none."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hypercolumns.cluster.connection import _interrupts_held
from hypercolumns.cluster.workers import START_METHOD, WORKER_ENVIRONMENT

ROOT = Path(__file__).parents[1]

SCRIPT = """
import os, sys
from hypercolumns.cluster.connection import connect
from hypercolumns.parameters import ComputeParameters

if __name__ == "__main__":
    with connect(ComputeParameters(workers=1), ["wave"]) as client:
        (there,) = client.run(lambda: ("wave" in sys.modules, os.environ["OMP_NUM_THREADS"])).values()
        assert there == (True, "1"), there
        assert "wave" not in sys.modules
"""


@pytest.mark.skipif(START_METHOD != "forkserver", reason="workers are forked on Linux alone")
def test_workers_have_one_thread_and_have_imported_what_they_need(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {name: value for name, value in os.environ.items() if name not in WORKER_ENVIRONMENT}
    environment["PYTHONPATH"] = str(ROOT)
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr


def test_an_interrupt_waits_for_the_end_of_the_block() -> None:
    steps = []

    def interrupted() -> None:
        with _interrupts_held():
            os.kill(os.getpid(), signal.SIGINT)
            steps.append("goes on")

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests run in the background
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    assert steps == ["goes on"]
