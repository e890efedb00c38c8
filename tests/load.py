"""Run the whole pipeline again and again in one process, and watch its memory: `python -m tests.load --minutes 30`.

Every round is a new tiny project with other scenes: all stages on local workers, then the trained bundle on its
photographs. The exit code is 1 if memory, open files or threads grow from the second third of the rounds to the last.
"""

import argparse
import gc
import logging
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil

from hypercolumns import Segmenter, steps
from tests.trained_projects import TASKS, train_project

MOST_GROWTH = 0.03
"""Share by which the median of the last third may exceed that of the second one."""


class Held(NamedTuple):
    """What the process holds after a round."""

    megabytes: float
    files: int
    threads: int


def main() -> int:
    """Run rounds as long as the command line says, and judge.

    Returns
    -------
    The exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m tests.load", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="(default: %(default)s)")
    options = parser.parse_args()
    logging.getLogger("hypercolumns").setLevel(logging.ERROR)
    held: list[Held] = []
    end = time.monotonic() + 60 * options.minutes
    while time.monotonic() < end or len(held) < 6:
        start = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="load-") as folder:
            _round(Path(folder), seed=len(held))
        held.append(_held())
        now = held[-1]
        print(
            f"round {len(held)}, {time.monotonic() - start:.0f} s: {now.megabytes:.0f} MB, {now.files} files, "
            f"{now.threads} threads",
            flush=True,
        )
    return _judge(held)


def _round(folder: Path, seed: int) -> None:
    project = train_project(folder, "warp", seed)
    parameters, workspace = project.parameters, project.workspace
    for task in TASKS:
        steps.predict_baselines(parameters, workspace, task)
        steps.evaluate_task(parameters, workspace, task)
    steps.ablate_layers(parameters, workspace)
    steps.write_report(parameters, workspace)
    segmenter = Segmenter.open(workspace.bundle)
    for photograph in project.photographs:
        segmenter(photograph)


def _held() -> Held:
    gc.collect()
    process = psutil.Process()
    return Held(process.memory_info().rss / 1e6, process.num_fds(), threading.active_count())


def _judge(held: list[Held]) -> int:
    third = len(held) // 3
    grows = False
    for name in Held._fields:
        before, after = (
            float(np.median([getattr(h, name) for h in some])) for some in (held[third : 2 * third], held[2 * third :])
        )
        grows |= after > before * (1 + MOST_GROWTH)
        print(f"{name}: {before:.0f} in the second third of {len(held)} rounds, {after:.0f} in the last")
    print("GROWS" if grows else "flat")
    return int(grows)


if __name__ == "__main__":
    sys.exit(main())
