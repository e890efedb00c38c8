"""A Dask cluster of separate processes that run in a folder of their own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.documents import ROOT


class Processes:
    """A scheduler and workers of one thread, started from the command line; they have no nannies.

    Parameters
    ----------
    folder
        Their working directory, which is made.
    variables
        Environment variables of all of them.
    """

    def __init__(self, folder: Path, variables: Mapping[str, str] | None = None) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT / "pipeline"), **(variables or {})}
        self.workers: list[subprocess.Popen[bytes]] = []
        self.start_scheduler()

    def start_scheduler(self) -> None:
        """Start a scheduler, to which workers that start later connect."""
        self._file.unlink(missing_ok=True)
        self.scheduler = self._start("scheduler", "--port", "0", "--dashboard-address", ":0")

    def start_worker(self, *options: str, first_path: Path | None = None) -> None:
        """Start a worker; `first_path` is a folder that it imports from before all others."""
        worker = self._start("worker", "--nthreads", "1", "--no-nanny", "--no-dashboard", *options, path=first_path)
        self.workers.append(worker)

    def address(self) -> str:
        """Wait for the address of the scheduler."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if self._file.exists() and (content := self._file.read_text()).endswith("}"):
                return str(json.loads(content)["address"])
            time.sleep(0.05)
        raise TimeoutError((self.folder / "log").read_text())

    def kill_workers(self, count: int | None = None) -> None:
        """Kill so many workers, the oldest first, or all of them."""
        for worker in self.workers[:count]:
            _kill(worker)
        del self.workers[:count]

    def kill_scheduler(self) -> None:
        """Kill the scheduler."""
        _kill(self.scheduler)

    @property
    def _file(self) -> Path:
        return self.folder / "scheduler.json"

    def _start(self, program: str, *options: str, path: Path | None = None) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", f"distributed.cli.dask_{program}", "--host", "127.0.0.1"]
        paths = [*([str(path)] if path else []), self.environment["PYTHONPATH"]]
        with (self.folder / "log").open("a") as log:
            return subprocess.Popen(  # noqa: S603
                [*command, "--scheduler-file", str(self._file), *options],
                cwd=self.folder,
                env={**self.environment, "PYTHONPATH": os.pathsep.join(paths)},
                stdout=log,
                stderr=log,
            )


@contextmanager
def cluster(
    folder: Path, workers: int, variables: Mapping[str, str] | None = None, others: Sequence[Path] = ()
) -> Iterator[str]:
    """Start a scheduler and workers; yield the address of the scheduler, and kill them.

    Parameters
    ----------
    others
        Folders that further workers, one each, import from before all others.
    """
    processes = Processes(folder, variables)
    try:
        for _ in range(workers):
            processes.start_worker()
        for other in others:
            processes.start_worker(first_path=other)
        yield processes.address()
    finally:
        # Not terminate: a worker waits for a scheduler that has gone, and would outlive the tests.
        processes.kill_workers()
        processes.kill_scheduler()


def _kill(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait()
