"""A Dask cluster of separate processes that run in a folder of their own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.documents import ROOT


@contextmanager
def cluster(folder: Path, workers: int, variables: Mapping[str, str] | None = None) -> Iterator[str]:
    """Start a scheduler and workers of one thread from the command line; yield the address of the scheduler."""
    folder.mkdir(parents=True)
    file = folder / "scheduler.json"
    environment = {**os.environ, **(variables or {}), "PYTHONPATH": str(ROOT / "pipeline")}
    local = ["--host", "127.0.0.1", "--scheduler-file", str(file)]
    worker = ["distributed.cli.dask_worker", *local, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
    commands = [["distributed.cli.dask_scheduler", *local, "--port", "0", "--dashboard-address", ":0"]]
    commands += [worker] * workers
    with (folder / "log").open("w") as log:
        processes = [
            subprocess.Popen([sys.executable, "-m", *command], cwd=folder, env=environment, stdout=log, stderr=log)  # noqa: S603
            for command in commands
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
