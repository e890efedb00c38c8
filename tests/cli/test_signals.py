"""SIGINT and SIGTERM end a command at any moment with one line and their exit code."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from hypercolumns.cli.interrupts import Interrupted, interruptible
from hypercolumns.process import DEFAULTS, end, is_command
from tests.documents import ROOT

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs the /proc of Linux")

PARAMETERS = {
    "tasks": ["segmentation"],
    "dataset": {"puppets": {"train_images": 4, "val_images": 2, "width": 160, "height": 128}},
    "proposals": {"max_per_image": 50},
    "compute": {"workers": 1},
}


def catches_signals(process: subprocess.Popen[str]) -> bool:
    """Whether the handlers are in place: Python itself needs some hundredths of a second to start."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    mask = re.search(r"^SigCgt:\s*(\w+)", status, re.M)
    return mask is not None and bool(int(mask[1], 16) >> (signal.SIGTERM - 1) & 1)


def start(words: list[str], folder: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "pipeline"), str(ROOT)])}

    # Background jobs of a shell, and so perhaps this test, ignore SIGINT.
    def reset() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)

    process = subprocess.Popen(  # noqa: S603
        [sys.executable, *words],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=reset,
    )
    deadline = time.monotonic() + 30
    while not catches_signals(process) and time.monotonic() < deadline:
        time.sleep(0.001)
    return process


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMETERS))
    assert start(["-m", "stages", "prepare"], folder).wait(60) == 0
    return folder


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The script that `pip` makes of the entry point."""
    path = tmp_path_factory.mktemp("bin") / "hypercolumns"
    path.write_text("import sys\nfrom hypercolumns.cli.main import main\nsys.exit(main())\n")
    return path


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", ["hypercolumns", "-m hypercolumns", "-m stages"])
def test_a_signal_at_any_moment_ends_in_one_line(command: str, number: int, project: Path, script: Path) -> None:
    """While Python imports, while Dask starts and computes, and while all of it is closed."""
    words = [str(script)] if command == "hypercolumns" else command.split()
    words += ["propose"] if "stages" in command else ["params"]
    n_interrupted = 0
    for share in range(4):
        shutil.rmtree(project / ".scratch", ignore_errors=True)
        shutil.rmtree(project / "data/proposals", ignore_errors=True)
        process = start(words, project)
        time.sleep(share * (0.4 if "stages" in command else 0.02))
        if process.poll() is None:
            os.killpg(process.pid, number)
        _, errors = process.communicate(timeout=60)
        if process.returncode in (0, -number):  # it had ended, or Python was ending
            continue
        assert process.returncode == 128 + number, errors
        assert errors.splitlines()[-1] == ("Interrupted." if number == signal.SIGINT else "Terminated.")
        assert "Traceback" not in errors
        n_interrupted += 1
    assert n_interrupted, "no signal came while the command ran"


@pytest.fixture
def prepared() -> Iterator[None]:
    """Handlers as in a command, for the time of a test."""
    before = {number: signal.getsignal(number) for number in DEFAULTS}
    for number in DEFAULTS:
        signal.signal(number, end)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("prepared")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_that_a_library_drops_is_raised_again(number: int) -> None:
    dropped = []

    def compute() -> None:
        try:
            signal.raise_signal(number)
        except BaseException as error:  # as libraries do
            dropped.append(type(error))
        time.sleep(10)

    with pytest.raises(Interrupted) as raised, interruptible():
        compute()
    assert dropped == [Interrupted]
    assert raised.value.number == number
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@pytest.mark.usefixtures("prepared")
def test_an_interrupt_that_a_library_replaces_is_one_still() -> None:
    def compute() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except BaseException as error:
            raise ImportError("a module in C") from error

    with pytest.raises(Interrupted), interruptible():
        compute()


@pytest.mark.usefixtures("prepared")
def test_files_and_workers_are_closed_without_a_second_interrupt() -> None:
    closed = []

    def compute() -> None:
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            time.sleep(1.2)
            closed.append(True)

    with pytest.raises(Interrupted), interruptible():
        compute()
    assert closed


def test_notebooks_keep_their_handlers() -> None:
    before = {number: signal.getsignal(number) for number in DEFAULTS}
    with interruptible():
        assert {number: signal.getsignal(number) for number in DEFAULTS} == before


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("python -m hypercolumns params", True),
        ("python -X dev -m stages.propose", True),
        ("python /usr/bin/hypercolumns params", True),
        ("python -m pytest -m hypercolumns", False),
        ("python script.py hypercolumns", False),
        ("python -c 0 --multiprocessing-fork", False),
        ("python", False),
    ],
)
def test_only_commands_are_prepared(words: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "orig_argv", words.split())
    assert is_command("hypercolumns", "stages") == expected
