"""Kills at random moments: the next run ends with the bytes of an undisturbed one and repeats nothing that was kept."""

from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path

from numpy.random import Generator

from tests.faults.instruments import Event
from tests.faults.outcomes import Outcome, Result
from tests.faults.processes import Ended
from tests.faults.project import LONG, Project, Stage

KILLS_PER_CASE = 2
"""Kills of the same stage one after the other, before it runs to its end."""

_ANYWHERE = 0.2
"""Share of kills at any moment of a run; the others are meant to hit work."""

_UNIT_FOLDERS = ("train", "val", "propose-candidates", "propose-proposals")
"""Folders of caches with a file without suffix for each photograph, below a folder for the parameters."""


def kill(project: Project, count: int, rng: Generator) -> Iterator[Result]:
    """Kill process groups, spread over the stages; then run the stage to its end.

    Parameters
    ----------
    count
        Number of kills.
    """
    cases = islice(cycle(LONG), -(-count // KILLS_PER_CASE))
    left = count
    totals: dict[Stage, int] = {}
    for stage in cases:
        if stage not in totals:
            with project.copy(stage) as path:  # in which no other stage has kept what this one needs
                totals[stage] = _count(project.run(stage, path).events, "unit")
        kills = min(left, KILLS_PER_CASE)
        left -= kills
        yield _case(project, stage, kills, totals[stage], rng)


def _case(project: Project, stage: Stage, kills: int, total: int, rng: Generator) -> Result:
    """Kill a stage of `total` units some times and run it to its end; it may repeat those that a kill left unkept."""
    undisturbed = project.undisturbed[stage]
    events: list[Event] = []
    counts = {"kills": 0, "hits": 0, "units": total, "kept": 0, "again": 0}
    excused = 0
    with project.copy(stage) as path:
        for _ in range(kills):
            ended, moment = _kill(project, stage, path, undisturbed, rng)
            counts["kills"] += ended.code == -9
            if ended.code not in (-9, 0):
                return Result(stage.title, Outcome.FAILED, f"{moment}: {ended.output[-2000:]}", counts)
            before = kept_units(stage, events)
            events += ended.events
            computed, kept = _count(ended.events, "unit"), kept_units(stage, events) - before
            was_working = _count(ended.events, "begin") > 0 and computed < total - before
            counts["hits"] += ended.code == -9 and was_working
            counts["kept"] += kept
            excused += max(0, computed - kept) if ended.code == -9 else 0
            if ended.code == 0:  # the moment was too late
                break
        last = project.run(stage, path) if ended.code != 0 else ended
        events += last.events if last is not ended else []
        again = max(0, _count(events, "unit") - total)
        counts["again"] = again
        detail = f"the last kill {moment}; {again} units again, of which {excused} were not kept"
        if last.code is None:
            return Result(stage.title, Outcome.HANG, detail, counts)
        if last.code != 0:
            bad = Outcome.TRACEBACK if "Traceback" in last.output else Outcome.FAILED
            return Result(stage.title, bad, f"{detail}: {last.output[-2000:]}", counts)
        if difference := project.difference(stage, path):
            return Result(stage.title, Outcome.DIFFERS, f"{detail}: {difference}", counts)
        return Result(stage.title, Outcome.TWICE if again > excused else Outcome.EQUAL, detail, counts)


def _kill(project: Project, stage: Stage, path: Path, undisturbed: Ended, rng: Generator) -> tuple[Ended, str]:
    """Start a stage and kill it."""
    times = [event.time for event in undisturbed.events]
    anywhere = rng.random() < _ANYWHERE
    seconds = float(rng.uniform(0, undisturbed.seconds if anywhere else max(times) - min(times)))
    child = project.start(stage, path)
    return child.kill_at(seconds, not anywhere), f"{seconds:.2f} s after the {'start' if anywhere else 'first unit'}"


def kept_units(stage: Stage, events: Sequence[Event]) -> int:
    """Count the units of work whose results are on disk after some runs of a stage."""
    files = {event.name for event in events if event.kind == "kept"}
    # Where whole photographs pass the network, their maps are kept; rows are made of those.
    rows = 0 if stage.image else max((int(event.name) for event in events if event.kind == "rows"), default=0)
    return rows + sum(_holds_a_unit(Path(file)) for file in files)


def _holds_a_unit(file: Path) -> bool:
    """Whether a file has what was computed for a photograph, a cell or a part, and not what belongs to all of them."""
    if file.suffix == ".npz":
        return file.name != "digests.npz"
    return not file.suffix and file.parts[-3] in _UNIT_FOLDERS


def _count(events: Sequence[Event], kind: str) -> int:
    return sum(event.kind == kind for event in events)
