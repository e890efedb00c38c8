"""The default run, stage by stage: seconds, busy cores, and how much of the time is start-up."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.figures import Figure, Goal, Section
from benchmarks.measuring import seconds
from benchmarks.sizes import Sizes

ROOT = Path(__file__).parents[1]

REPRO = [sys.executable, "-m", "dvc", "repro"]

_RUNNING = "Running stage "
_GRID, _OTHER_GRID = "\n  grid: 5", "\n  grid: 10"
_COMMAND = re.compile(r"> python -m stages (.+)")


@dataclass(frozen=True)
class StageTime:
    """Time of a stage in a run of DVC, with DVC's own work after it."""

    command: str
    """After `python -m stages`."""
    seconds: float
    busy: float
    """Seconds of processor time, of all cores and processes of the machine together."""


def figures(_sizes: Sizes) -> Section:
    """Run the default pipeline in a copy of this checkout, then again with another grid."""
    with tempfile.TemporaryDirectory() as folder:
        project = _copy_checkout(Path(folder) / "project")
        first = _run(project)
        params = project / "params.yaml"
        text = params.read_text()
        changed = text.replace(_GRID, _OTHER_GRID, 1)
        if changed == text:
            raise RuntimeError(f"params.yaml does not have {_GRID!r}")
        params.write_text(changed)
        again = _run(project)
        starts = {stage.command: _start(project, stage.command) for stage in first}
    rows = [_figure(name, of_name, starts) for name, of_name in _by_name(first).items()]
    return Section(
        "Default run",
        "`dvc repro` in a copy of the checkout without any results, stage by stage, and again with another "
        "`train.grid`, each once. Stages of several tasks or splits are added up. Times include DVC's own work after "
        "a stage, and not its start. Start is the shortest of three times from starting Python until the modules of a "
        "stage are imported. Busy cores are processor time of the whole machine over wall time. Limits, by profile: "
        "`check` draws all scenes, and `prepare` takes them over. `propose` computes on all cores. `detector` runs the "
        "network, then fits classifiers whose products have few columns, which costs more than reading the features. "
        "`extract` waits for the network. Stages that train on Dask wait until their workers have imported torch. "
        "After each stage DVC writes `dvc.lock` anew.",
        (
            _total("all stages", first, starts, 110),
            _total("another grid", again, starts, 25),
            *rows,
        ),
    )


def _total(name: str, stages: Sequence[StageTime], starts: Mapping[str, float], goal: float) -> Figure:
    start = sum(starts[stage.command] for stage in stages)
    return Figure(
        name,
        sum(s.seconds for s in stages),
        "s",
        _busy_cores(stages),
        Goal("at most", goal),
        f"{len(stages)} processes, each of a stage or task that DVC can run alone, take {start:.0f} s until their own "
        "modules are imported. What Dask's start, the imports of its workers and DVC's lock file add was not measured "
        "here.",
    )


def _figure(name: str, stages: Sequence[StageTime], starts: Mapping[str, float]) -> Figure:
    start = sum(starts[stage.command] for stage in stages)
    processes = f"{len(stages)} processes" if len(stages) > 1 else "1 process"
    return Figure(name, sum(s.seconds for s in stages), "s", f"{processes}, start {start:.1f} s, {_busy_cores(stages)}")


def _busy_cores(stages: Sequence[StageTime]) -> str:
    return f"{sum(s.busy for s in stages) / sum(s.seconds for s in stages):.2f} cores busy"


def _copy_checkout(project: Path) -> Path:
    """Copy the tracked files of this checkout, as they are now, to a new repository."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout  # noqa: S607
    for name in listed.decode().split("\0"):
        if name and name != "dvc.lock" and (ROOT / name).is_file():
            (project / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, project / name)
    subprocess.run(["git", "init", "--quiet"], cwd=project, check=True)  # noqa: S607
    return project


def _run(project: Path) -> list[StageTime]:
    """Run `dvc repro` and time its stages."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(project / "pipeline"),
        "PYTHONUNBUFFERED": "1",
    }
    with subprocess.Popen(  # noqa: S603 - this interpreter
        REPRO, cwd=project, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        marks: list[tuple[float, float]] = []
        commands: list[str] = []
        last = time.perf_counter(), _busy()
        for line in process.stdout or ():
            last = time.perf_counter(), _busy()
            if _RUNNING in line:
                marks.append(last)
            elif found := _COMMAND.match(line.strip()):
                commands.append(found.group(1))
    if process.returncode:
        raise RuntimeError(f"dvc repro ended with {process.returncode}")
    return [
        StageTime(command, end - start, busy_end - busy)
        for command, (start, busy), (end, busy_end) in zip(commands, marks, [*marks[1:], last], strict=True)
    ]


def _busy() -> float:
    """Seconds that all processes of the machine have computed, since those of Dask's workers are not a stage's."""
    times = psutil.cpu_times()
    return float(times.user + times.system)


def _by_name(stages: Sequence[StageTime]) -> dict[str, list[StageTime]]:
    """Group stages that differ in the task or split alone, such as train@parts or extract-val."""
    groups: dict[str, list[StageTime]] = {}
    for stage in stages:
        groups.setdefault(stage.command.split()[0], []).append(stage)
    return groups


def _start(project: Path, command: str) -> float:
    """Seconds until a process has imported what a stage needs."""
    environment = {**os.environ, "PYTHONPATH": str(project / "pipeline")}
    program = [sys.executable, "-c", f"import stages.{command.split()[0]}"]

    def start() -> None:
        subprocess.run(program, cwd=project, env=environment, check=True)  # noqa: S603 - this interpreter

    return min(seconds(start) for _ in range(3))
