"""Damage to files below `.scratch`: an interrupted stage notices it, and ends with the bytes of an undisturbed run."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from numpy.random import Generator

from tests.faults.damage import by_kind, spread
from tests.faults.instruments import KILL_AFTER
from tests.faults.outcomes import Outcome, Result
from tests.faults.project import LONG, Project, Stage

_NOT_WORK = ("lock", "owner")
"""Files that do not hold any work."""


@dataclass(frozen=True)
class _Template:
    """A project whose `.scratch` holds what a stage has left."""

    stage: Stage
    path: Path
    below: str = ".scratch/"
    """Start of the paths of files that the stage may read."""


def damage_scratch(project: Project, count: int, rng: Generator) -> Iterator[Result]:
    """Damage files that interrupted stages, and extraction for the next call, have left below `.scratch`.

    Parameters
    ----------
    count
        Number of damages.
    """
    templates: dict[str, _Template] = {}
    files: dict[str, list[str]] = {}
    for title, template in _templates(project):
        templates[title] = template
        for kind, found in by_kind(template.path / ".scratch", title).items():
            used = [f".scratch/{file}" for file in found if f".scratch/{file}".startswith(template.below)]
            if kind.rpartition(": ")[2] not in _NOT_WORK:
                files[kind] = used
    for damage in spread(files, count, rng):
        template = templates[damage.kind.partition(": ")[0]]
        with project.copy(template.stage, template=template.path) as path:
            done = damage.apply(path, rng)
            project.remove(template.stage, path)
            outcome, detail = _judge(project, template.stage, path)
        yield Result(damage.kind, outcome, f"{damage.file}, {done}: {detail}")


def _templates(project: Project) -> Iterator[tuple[str, _Template]]:
    """Yield title and project of each stage that was killed when half was kept, and of each finished extraction."""
    for number, stage in enumerate(LONG):
        kept = [event for event in project.undisturbed[stage].events if event.kind in ("kept", "rows")]
        if len(kept) < 2:
            continue
        with project.copy(stage) as path:
            project.start(stage, path, **{KILL_AFTER: str(len(kept) // 2)}).wait()
            yield f"{stage.title} interrupted", _Template(stage, project.keep(path, f"interrupted-{number}"))
    for stage in (Stage("extract-train"), Stage("extract-val", image=True)):
        with project.copy(stage, finished=True) as path:
            below = f".scratch/extract/{stage.name.removeprefix('extract-')}.zarr/"
            yield f"{stage.title} finished", _Template(stage, project.keep(path, f"{stage.name}-finished"), below)


def _judge(project: Project, stage: Stage, path: Path) -> tuple[Outcome, str]:
    first = project.run(stage, path)
    if first.code == 0:
        difference = project.difference(stage, path)
        return (Outcome.SILENT if difference else Outcome.RECOMPUTED), difference
    if first.code is None:
        return Outcome.HANG, first.output[-1000:]
    if not first.is_clear:
        return Outcome.TRACEBACK, first.output[-2000:]
    again = project.run(stage, path)
    difference = project.difference(stage, path)
    if again.code != 0 or difference:
        return Outcome.NOT_MENDED, f"{first.message}; run again: {difference} {again.output[-500:]}"
    return (Outcome.NAMED if ".scratch" in first.message else Outcome.UNCLEAR), first.message
