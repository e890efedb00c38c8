"""Errors of calls, one after the other, until a stage ends: with the bytes of an undisturbed run, and nothing lost."""

import errno
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import cycle
from pathlib import Path

from numpy.random import Generator

from tests.faults.injected import Injection, count_calls
from tests.faults.outcomes import Outcome, Result
from tests.faults.project import LONG, Project, Stage, read_files
from tests.faults.publishing import lost, put_old_results

ERRORS_PER_CASE = 12
"""Runs of a case that meet an error, before one that does not."""

_NUMBERS = (errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT, errno.EACCES)

_SHARE_OF_SIZES = 0.2
"""Share of the errors that limit the size of a file, which reaches what libraries write."""


def inject(project: Project, count: int, rng: Generator) -> Iterator[Result]:
    """Let calls that change files fail, spread over the stages, on top of results of an older run.

    Parameters
    ----------
    count
        Least number of errors.
    """
    calls: dict[Stage, int] = {}
    injected = 0
    for stage in cycle(LONG):
        if injected >= count:
            return
        if stage not in calls:
            with project.copy(stage) as path:
                calls[stage] = calls_of(project, stage, path, _none(project, path))
        with project.copy(stage) as path:
            old = put_old_results(project, stage, path)
            draw = partial(_draw, project, stage, path, calls[stage], rng)
            result = meet_errors(project, stage, path, draw, partial(lost, project, stage, path, old))
        if result.outcome is Outcome.EQUAL and (difference := project.difference(stage, path)):
            result = Result(result.kind, Outcome.DIFFERS, difference, result.counts)
        injected += result.counts["errors"]
        yield result


def calls_of(project: Project, stage: Stage, path: Path, none: Injection) -> int:
    """Count the calls of an undisturbed run that could fail.

    Raises
    ------
    RuntimeError
        If there are none, so that nothing would be tried.
    """
    ended = project.start(stage, path, **none.variables()).wait()
    found = count_calls(none)
    if ended.code != 0 or not found:
        raise RuntimeError(f"{stage.title} has {found} calls that could fail: {ended.output[-2000:]}")
    return found


def meet_errors(
    project: Project, stage: Stage, path: Path, draw: Callable[[], Injection], wrong: Callable[[], str]
) -> Result:
    """Run a stage with one error after the other, and at last without; each run goes on where the last one ended.

    Parameters
    ----------
    draw
        Chooses an error.
    wrong
        Says what an error has done to results that should be unharmed; empty if nothing.
    """
    counts = {"errors": 0, "tolerated": 0}
    for _ in range(ERRORS_PER_CASE):
        injection = draw()
        ended = project.start(stage, path, **injection.variables()).wait()
        happened = ended.code != 0 or any(event.kind == "error" for event in ended.events)
        counts["errors"] += happened
        counts["tolerated"] += happened and ended.code == 0
        detail = f"{injection}: {ended.output[-2000:]}"
        if ended.code is None:
            return Result(stage.title, Outcome.HANG, detail, counts)
        is_cut = injection.file_bytes and len(ended.output.encode()) >= injection.file_bytes  # the log is a file too
        if not ended.is_clear and not is_cut:
            return Result(stage.title, Outcome.TRACEBACK, detail, counts)
        if ended.code == 0:
            break
        if harm := wrong():
            return Result(stage.title, Outcome.LOST, f"{harm}: {detail}", counts)
    last = ended if ended.code == 0 else project.run(stage, path)
    if last.code != 0:
        return Result(stage.title, Outcome.FAILED, f"{detail}; run again: {last.output[-2000:]}", counts)
    return Result(stage.title, Outcome.EQUAL, detail, counts)


def _none(project: Project, path: Path) -> Injection:
    return Injection(f"{path}/", str(project.folder / "calls"), first=0, lasting=False, number=0)


def draw_call(calls: int, rng: Generator) -> int:
    """Draw the number of a call, from 1; early calls are likelier, since a run that goes on makes fewer."""
    return 1 + int(rng.integers(calls) * rng.random())


def _draw(project: Project, stage: Stage, path: Path, calls: int, rng: Generator) -> Injection:
    """Draw an error of a call, or a limit to the size of a file."""
    none = _none(project, path)
    if rng.random() < _SHARE_OF_SIZES:
        largest = max(map(len, read_files(project.reference(stage), stage.outs).values()))
        return replace(none, file_bytes=int(rng.integers(1, largest + 1)))
    first = draw_call(calls, rng)
    return replace(none, first=first, lasting=bool(rng.random() < 0.5), number=int(rng.choice(_NUMBERS)))
