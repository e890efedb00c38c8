"""Two runs that start together on one project: one right result, and the next run alone works."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from itertools import cycle, islice
from pathlib import Path

from numpy.random import Generator

from tests.documents import ROOT
from tests.faults.outcomes import Outcome, Result
from tests.faults.processes import Child, Ended
from tests.faults.project import Project, Stage

_STAGES = (
    Stage("train"),
    Stage("extract-train"),
    Stage("predict"),
    Stage("propose"),
    Stage("detect"),
    Stage("extract-val", image=True),
)

_OF_DVC = 6
"""One of so many pairs is two `dvc repro`."""


def start_pairs(project: Project, count: int, rng: Generator) -> Iterator[Result]:
    """Start pairs of runs of the same stage, spread over the stages.

    Parameters
    ----------
    count
        Number of pairs.
    """
    stages = cycle(_STAGES)
    for number in islice(range(count), count):
        if number % _OF_DVC == _OF_DVC - 1:
            yield _pair(project, Stage("train"), rng, dvc=True)
        else:
            yield _pair(project, next(stages), rng)


def _pair(project: Project, stage: Stage, rng: Generator, dvc: bool = False) -> Result:
    """Start two runs at most .2 s apart, judge the result, remove it, and judge that of one more run."""
    title = f"dvc repro {stage.name}" if dvc else stage.title
    with project.copy(stage) as path:
        if dvc:
            _make_dvc_project(path)
        action = partial(_repro, stage) if dvc else stage
        logs = [project.folder / f"{name}.log" for name in ("first", "second")]
        first = Child.begin(action, path, logs[0])
        time.sleep(float(rng.uniform(0, 0.2)))
        second = Child.begin(action, path, logs[1])
        runs = [first.wait(), second.wait()]
        counts = {"succeeded": sum(run.code == 0 for run in runs)}
        bad = _judge(project, stage, path, runs)
        if bad is None:
            project.remove(stage, path)
            alone = Child.begin(action, path, logs[0]).wait()
            bad = _judge(project, stage, path, [alone])
        return Result(title, bad[0], bad[1], counts) if bad else Result(title, Outcome.EQUAL, "", counts)


def _judge(project: Project, stage: Stage, path: Path, runs: list[Ended]) -> tuple[Outcome, str] | None:
    output = "\n".join(f"exit code {run.code}: {run.output[-1500:]}" for run in runs)
    if any(run.code is None for run in runs):
        return Outcome.HANG, output
    if any("Traceback" in run.output for run in runs):
        return Outcome.TRACEBACK, output
    if all(run.code != 0 for run in runs):
        return Outcome.FAILED, output
    difference = project.difference(stage, path)
    return (Outcome.DIFFERS, f"{difference}\n{output}") if difference else None


def _make_dvc_project(path: Path) -> None:
    """Make a copy a repository of git and DVC, with the stages and the code of this one."""
    for name in ("dvc.yaml", "pipeline", "stages"):
        (path / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "data/source", path / "data/source")
    (path / ".gitignore").write_text("/data/*\n/.scratch\n/metrics\n/plots\n")
    for command in (
        ["git", "init", "--quiet"],
        [*_DVC, "init", "--quiet"],
        [*_DVC, "config", "core.analytics", "false"],
    ):
        subprocess.run(command, cwd=path, check=True, capture_output=True)  # noqa: S603


_DVC = [sys.executable, "-m", "dvc"]


def _repro(stage: Stage) -> None:
    """Run only this stage with DVC."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    name = f"{stage.name}@segmentation" if stage.name in ("train", "predict") else stage.name
    command = [*_DVC, "repro", "--single-item", name]
    raise SystemExit(subprocess.run(command, env=environment, check=False).returncode)  # noqa: S603
