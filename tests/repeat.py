"""Run the pipeline twice, differently, and compare every byte of its results: `make repeat`.

Both runs are `dvc repro` in a new clone of the last commit. The second one has other numbers of workers and threads and
another batch size, and is interrupted some times at random moments. The exit code is 1 if any file differs.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import yaml

from tests.documents import ROOT
from tests.faults.project import change_compute, read_files


def main() -> int:
    """Run and compare as the command line says.

    Returns
    -------
    The exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.repeat", description=__doc__)
    parser.add_argument("--interruptions", type=int, default=3, help="of the second run (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of their moments (default: %(default)s)")
    options = parser.parse_args()
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory(prefix="repeat-") as folder:
        first, second = Path(folder) / "first", Path(folder) / "second"
        _clone(first, {"workers": 1})
        _clone(second, {"workers": cores + 1, "batch_size": 7})
        start = time.monotonic()
        _finish(first, {})
        seconds = time.monotonic() - start
        print(f"first run: {seconds:.0f} s, 1 worker, numeric libraries with {cores} threads", flush=True)
        moments = np.random.default_rng(options.seed).uniform(0.1, 0.6, options.interruptions) * seconds
        threads = {"OMP_NUM_THREADS": "1"}
        interrupted = sum(_interrupt(second, threads, float(moment)) for moment in moments)
        _finish(second, threads)
        print(f"second run: {interrupted} interruptions, {cores + 1} workers, batches of 7, 1 thread", flush=True)
        return _compare(first, second)


def _clone(folder: Path, compute: Mapping[str, int]) -> None:
    """Clone the last commit, with other values of `compute`."""
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)  # noqa: S603, S607
    change_compute(folder / "params.yaml", **compute)
    (folder / "dvc.lock").unlink()  # everything is computed


def _start(folder: Path, variables: Mapping[str, str]) -> "subprocess.Popen[str]":
    """Start the pipeline in a process group of its own."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(folder / "pipeline"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "TQDM_DISABLE": "1",
        **variables,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro", "--quiet"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _finish(folder: Path, variables: Mapping[str, str]) -> None:
    process = _start(folder, variables)
    output, _ = process.communicate()
    if process.returncode:
        sys.exit(f"dvc repro failed:\n{output[-4000:]}")


def _interrupt(folder: Path, variables: Mapping[str, str], seconds: float) -> bool:
    """Run for some seconds, and press Ctrl-C; false if the pipeline ended before."""
    process = _start(folder, variables)
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate()
        if "Traceback" in output:
            sys.exit(f"an interrupt ended in a traceback:\n{output[-4000:]}")
        return True
    return False


def _compare(first: Path, second: Path) -> int:
    """Print how many files and bytes are equal, and which files are not."""
    stages = yaml.safe_load((first / "dvc.lock").read_text())["stages"].values()
    names = [out["path"] for stage in stages for out in stage.get("outs", [])]
    one, two = (read_files(folder, names) for folder in (first, second))
    differing = sorted(name for name in one.keys() | two.keys() if one.get(name) != two.get(name))
    for name in differing:
        print(f"DIFFERS: {name}: {len(one.get(name, b''))} and {len(two.get(name, b''))} bytes")
    size = sum(map(len, one.values())) / 1e6
    print(f"{len(one)} files of {len(names)} results, {size:.0f} MB: {len(differing)} differ")
    return int(bool(differing) or not one)


if __name__ == "__main__":
    sys.exit(main())
