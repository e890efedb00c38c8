"""Dask workers and schedulers that die in the middle of a stage: it ends with the bytes of an undisturbed one."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from itertools import cycle, islice
from pathlib import Path

from numpy.random import Generator

from tests.cluster.processes import Processes
from tests.documents import ROOT
from tests.faults.instruments import EVENTS, MODULE, read_events
from tests.faults.outcomes import Outcome, Result
from tests.faults.processes import SECONDS, Child, Ended
from tests.faults.project import LONG, Project, Stage, change_compute

WORKERS = 2

_ON_LOCAL_WORKERS = tuple(
    stage for stage in LONG if stage.name in ("propose", "train", "predict", "baselines", "ablate")
)
"""Stages whose units local workers compute; the network runs in the process of the stage."""


def kill_workers(project: Project, count: int, rng: Generator) -> Iterator[Result]:
    """Kill a worker, all workers or the scheduler of `compute.scheduler`, and local workers, spread over the stages.

    Parameters
    ----------
    count
        Number of cases.
    """
    with _processes(project) as processes:
        remote = [
            partial(_on_scheduler, project, processes, stage, victim, rng)
            for stage in LONG
            for victim in ("a worker", "all workers", "the scheduler")
        ]
        local = [partial(_on_local_workers, project, stage, rng) for stage in _ON_LOCAL_WORKERS]
        cases: list[Callable[[], Result]] = [*local, *remote]
        for case in islice(cycle(cases), count):
            yield case()


@contextmanager
def _processes(project: Project) -> Iterator[Processes]:
    """Start a scheduler and workers that count what they compute in the runs of the project."""
    variables = {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "pipeline")]),
        EVENTS: str(project.folder / "run.events"),
    }
    processes = Processes(project.folder / "cluster", variables)
    try:
        _start_missing(processes)
        yield processes
    finally:
        processes.kill_workers()
        processes.kill_scheduler()


def _start_missing(processes: Processes) -> None:
    while len(processes.workers) < WORKERS:
        processes.start_worker("--preload", MODULE)


def _on_scheduler(project: Project, processes: Processes, stage: Stage, victim: str, rng: Generator) -> Result:
    """Kill a process of the cluster that a stage computes on, and put others in the place of those that are gone."""
    title = f"{stage.title}: {victim}"
    with project.copy(stage) as path:
        _use_scheduler(path, processes.address())
        child = project.start(stage, path)
        if not _wait_for_work(project, stage, child, rng):
            return _judge(project, stage, path, title, child.wait(), 0)
        if victim == "a worker":
            processes.kill_workers(1)
            dead = 1
        elif victim == "all workers":
            processes.kill_workers()
            dead = WORKERS
        else:
            processes.kill_scheduler()
            dead = 1
        if victim != "the scheduler":
            _start_missing(processes)
        ended = child.wait()
        if victim == "the scheduler":
            processes.kill_workers()
            processes.start_scheduler()
            _start_missing(processes)
            _use_scheduler(path, processes.address())
        return _judge(project, stage, path, title, ended, dead)


def _use_scheduler(path: Path, address: str) -> None:
    """Let the stages of a copy compute on a scheduler."""
    for name in ("params.yaml", "image.yaml"):
        change_compute(path / name, scheduler=address)


def _on_local_workers(project: Project, stage: Stage, rng: Generator) -> Result:
    """Kill the only local worker of a stage."""
    with project.copy(stage) as path:
        child = project.start(stage, path)
        dead = 0
        if _wait_for_work(project, stage, child, rng):
            (worker, *_) = {event.process for event in read_events(child.events)} - {child.process}
            with suppress(ProcessLookupError):  # it may have ended
                os.kill(worker, signal.SIGKILL)
                dead = 1
        return _judge(project, stage, path, f"{stage.title}: a local worker", child.wait(), dead)


def _wait_for_work(project: Project, stage: Stage, child: Child, rng: Generator) -> bool:
    """Wait for some of the units of work of a stage to begin; false if it ends before."""
    units = sum(event.kind == "begin" for event in project.undisturbed[stage].events)
    wanted = int(rng.integers(1, max(2, units)))
    while not child.has_ended() and time.monotonic() < child.start + SECONDS:
        if sum(event.kind == "begin" for event in read_events(child.events)) >= wanted:
            return True
        time.sleep(0.005)
    return False


def _judge(project: Project, stage: Stage, path: Path, title: str, ended: Ended, dead: int) -> Result:
    """Judge a run whose workers died, and the next one if it ended with an error."""
    counts = {"dead": dead, "went on": int(ended.code == 0)}
    if ended.code is None:
        return Result(title, Outcome.HANG, ended.output[-2000:], counts)
    if not ended.is_clear:
        return Result(title, Outcome.TRACEBACK, ended.output[-2000:], counts)
    last = ended if ended.code == 0 else project.run(stage, path)
    if last.code != 0:
        return Result(title, Outcome.FAILED, f"{ended.message}; run again: {last.output[-2000:]}", counts)
    difference = project.difference(stage, path)
    return Result(title, Outcome.DIFFERS if difference else Outcome.EQUAL, difference, counts)
