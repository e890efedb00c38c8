"""Runs in process groups of their own, forked from a process that has imported everything.

Forking skips the imports, which would take most of the time of a tiny stage: a kill at a random moment hits the work.
"""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.injected import MODULE as ERRORS_MODULE
from tests.faults.injected import install_from_environment
from tests.faults.instruments import EVENTS, MODULE, Event, read_events

SECONDS = 180.0
"""Limit for a run; one that takes longer hangs."""

_POLL = 0.003


@dataclass(frozen=True)
class Ended:
    """A run that has ended."""

    code: int | None
    """Exit code, negative for a signal; None if the run took too long and was killed."""
    output: str
    seconds: float
    events: list[Event]

    @property
    def is_clear(self) -> bool:
        """Whether it succeeded, or failed with one paragraph."""
        return self.code == 0 or (self.code == 1 and "Traceback" not in self.output and bool(self.message))

    @property
    def message(self) -> str:
        """The paragraph that a failed command prints."""
        return self.output.rpartition("Error: ")[2] if "Error: " in self.output else ""


@dataclass
class Child:
    """A run that may not have ended."""

    process: int
    """Its id and that of its group."""
    log: Path
    events: Path
    start: float = field(default_factory=time.monotonic)
    status: int | None = None

    @classmethod
    def begin(cls, action: Callable[[], object], folder: Path, log: Path, **variables: str) -> "Child":
        """Run a function in a fork whose working directory is `folder`.

        Parameters
        ----------
        log
            File for its output; its events are written beside it.
        variables
            Environment variables.
        """
        events = log.with_suffix(".events")
        for file in (log, events):
            file.unlink(missing_ok=True)
        sys.stdout.flush()
        process = os.fork()
        if process == 0:
            _run(action, folder, log, {EVENTS: str(events), **variables})
        return cls(process, log, events)

    def has_ended(self) -> bool:
        """Whether it has ended by itself or by a signal."""
        if self.status is None:
            process, status = os.waitpid(self.process, os.WNOHANG)
            self.status = status if process else None
        return self.status is not None

    def wait(self, seconds: float = SECONDS) -> Ended:
        """Wait for the end."""
        while not self.has_ended() and time.monotonic() < self.start + seconds:
            time.sleep(_POLL)
        hangs = not self.has_ended()
        if hangs:
            self.kill()
        code = None if hangs else os.waitstatus_to_exitcode(self.status or 0)
        output = self.log.read_text(errors="replace") if self.log.exists() else ""
        return Ended(code, output, time.monotonic() - self.start, read_events(self.events))

    def kill(self) -> None:
        """Kill the process group, if the process has not ended."""
        if not self.has_ended():
            os.killpg(self.process, signal.SIGKILL)
            self.status = os.waitpid(self.process, 0)[1]

    def kill_at(self, seconds: float, after_first: bool) -> Ended:
        """Kill the process group after `seconds`, counted from the start of the first unit of work or of the run."""
        while after_first and not self.has_ended() and not (self.events.exists() and self.events.stat().st_size):
            time.sleep(_POLL)
        end = seconds + (time.monotonic() if after_first else self.start)
        while not self.has_ended() and time.monotonic() < min(end, self.start + SECONDS):
            time.sleep(_POLL)
        self.kill()
        return self.wait()


def run(action: Callable[[], object], folder: Path, log: Path, **variables: str) -> Ended:
    """Run a function in a fork to its end."""
    return Child.begin(action, folder, log, **variables).wait()


def _run(action: Callable[[], object], folder: Path, log: Path, variables: Mapping[str, str]) -> None:
    """Run a function in the child, which ends here; exit code 70 stands for an exception."""
    code = 70
    try:
        os.setsid()
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        null = os.open(os.devnull, os.O_RDONLY)
        for target, source in ((0, null), (1, output), (2, output)):
            os.dup2(source, target)
        os.environ.update(variables)
        os.chdir(folder)
        _instrument_workers()
        install_from_environment()
        action()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _instrument_workers() -> None:
    """Let local workers install the instruments and the errors after their other modules."""
    from hypercolumns.cluster import connection, workers

    start = workers.start_fork_server
    for module in (connection, workers):
        module.start_fork_server = lambda modules: start((*modules, MODULE, ERRORS_MODULE))
