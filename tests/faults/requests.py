"""Requests to an object store that fail: stages end with the same store there, and with the same reference to it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import count as numbers
from pathlib import Path

from numpy.random import Generator

from hypercolumns.cli.verify import main as verify
from hypercolumns.parameters import Parameters
from tests.faults.errors import calls_of, draw_call, meet_errors
from tests.faults.injected import Injection
from tests.faults.outcomes import Outcome, Result
from tests.faults.processes import Child
from tests.faults.project import Project, Stage, change_compute, read_files
from tests.object_store.server import S3Server, s3_server

_STAGES = (Stage("propose"), Stage("extract-train"), Stage("extract-val"))
"""Stages that write to `compute.storage`."""


@dataclass(frozen=True)
class _Reference:
    """An undisturbed run of a stage with `compute.storage`."""

    files: dict[str, bytes]
    calls: int


def refuse_requests(project: Project, count: int, rng: Generator) -> Iterator[Result]:
    """Let requests fail, spread over the stages that write to an object store.

    Parameters
    ----------
    count
        Least number of errors.
    """
    injected = 0
    with s3_server() as server:
        references = {stage: _undisturbed(project, server, stage) for stage in _STAGES}
        for number in numbers():
            if injected >= count:
                return
            stage = _STAGES[number % len(_STAGES)]
            storage = f"{server.url}/case-{number}"
            with project.copy(stage) as path:
                change_compute(path / "params.yaml", storage=storage)
                draw = partial(_draw, project, server, references[stage].calls, rng)
                result = meet_errors(project, stage, path, draw, str)
                if result.outcome is Outcome.EQUAL:
                    result = _compare(project, server, stage, path, references[stage], result)
            injected += result.counts["errors"]
            yield result


def _undisturbed(project: Project, server: S3Server, stage: Stage) -> _Reference:
    with project.copy(stage) as path:
        change_compute(path / "params.yaml", storage=f"{server.url}/reference")
        calls = calls_of(project, stage, path, _none(project, server))
        return _Reference(_results(stage, path), calls)


def _results(stage: Stage, path: Path) -> dict[str, bytes]:
    """Files that a stage wrote, without the name of the case in addresses."""
    storage = Parameters.load(path / "params.yaml").compute.storage or ""
    return {
        name: content.replace(storage.encode(), b"STORAGE") for name, content in read_files(path, stage.outs).items()
    }


def _compare(
    project: Project, server: S3Server, stage: Stage, path: Path, reference: _Reference, result: Result
) -> Result:
    """Compare the references, and let `hypercolumns verify` compare the objects with the checksums in these."""
    found = _results(stage, path)
    changed = sorted(
        name for name in found.keys() | reference.files.keys() if found.get(name) != reference.files.get(name)
    )
    if changed:
        return Result(stage.title, Outcome.DIFFERS, f"{changed}: {result.detail}", result.counts)
    action = partial(verify, [str(path / "data")])
    ended = Child.begin(action, path, project.folder / "run.log", **server.environment).wait()
    outcome = Outcome.EQUAL if ended.code == 0 else Outcome.DIFFERS
    return Result(stage.title, outcome, ended.output[-2000:], result.counts)


def _none(project: Project, server: S3Server) -> Injection:
    counter = str(project.folder / "calls")
    return Injection("", counter, 0, lasting=False, number=0, requests=True, environment=server.environment)


def _draw(project: Project, server: S3Server, calls: int, rng: Generator) -> Injection:
    return replace(_none(project, server), first=draw_call(calls, rng), lasting=bool(rng.random() < 0.5))
