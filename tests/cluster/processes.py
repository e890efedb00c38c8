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


@contextmanager
def cluster(
    folder: Path, workers: int, variables: Mapping[str, str] | None = None, others: Sequence[Path] = ()
) -> Iterator[str]:
    """Start a scheduler and workers of one thread from the command line; yield the address of the scheduler.

    Parameters
    ----------
    others
        Folders that further workers, one each, import from before all others.
    """
    folder.mkdir(parents=True)
    file = folder / "scheduler.json"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "pipeline"), **(variables or {})}
    local = ["--host", "127.0.0.1", "--scheduler-file", str(file)]
    worker = ["distributed.cli.dask_worker", *local, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    scheduler = ["distributed.cli.dask_scheduler", *local, "--port", "0", "--dashboard-address", ":0"]
    own = environment["PYTHONPATH"]
    commands = [(scheduler, own), *[(worker, own)] * workers, *((worker, f"{other}:{own}") for other in others)]
    with (folder / "log").open("w") as log:
        processes = [
            subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", *command],
                cwd=folder,
                env={**environment, "PYTHONPATH": path},
                stdout=log,
                stderr=log,
            )
            for command, path in commands
        ]
        try:
            yield _address(file)
        finally:
            # Not terminate: a worker waits for a scheduler that has gone, and would outlive the tests.
            for process in processes:
                process.kill()
                process.wait()


def _address(file: Path) -> str:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if file.exists() and (content := file.read_text()).endswith("}"):
            return str(json.loads(content)["address"])
        time.sleep(0.05)
    raise TimeoutError((file.parent / "log").read_text())
