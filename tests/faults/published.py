"""Damage to published stores: reading names it, `hypercolumns verify` lists it, and `--repair` restores the bytes."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from numpy.random import Generator

from hypercolumns.cli.main import main as command_line
from hypercolumns.errors import InputError
from tests.faults.damage import Damage, by_kind, spread
from tests.faults.outcomes import Outcome, Result
from tests.faults.processes import Ended, run
from tests.faults.project import LONG, Project, Stage, compare
from tests.faults.readers import STORES, digest

CONSUMED = 4
"""One of so many damages is also met by the stage that needs the store."""


def damage_published(project: Project, count: int, rng: Generator) -> Iterator[Result]:
    """Damage files of published stores, spread over all kinds of files.

    Parameters
    ----------
    count
        Number of damages.
    """
    root = project.folder / "warp"
    files: dict[str, list[str]] = {}
    for store, (label, _, _) in STORES.items():
        for kind, found in by_kind(root / store, label).items():
            files.setdefault(kind, []).extend(f"{store}/{file}" for file in found)
    undamaged = {store: _read(project, root, store).output for store in STORES}
    can_verify = has_verify(project)
    for number, damage in enumerate(spread(files, count, rng)):
        with project.copy(LONG[0], finished=True) as path:
            done = damage.apply(path, rng)
            outcome, detail = _judge(project, path, damage, undamaged, number % CONSUMED == 0, can_verify)
        yield Result(damage.kind, outcome, f"{damage.file}, {done}: {detail}")


def has_verify(project: Project) -> bool:
    """Whether the command line has `verify`."""
    return _command(project, project.folder, "verify", "--help").code == 0


def _judge(
    project: Project, path: Path, damage: Damage, undamaged: dict[str, str], consume: bool, can_verify: bool
) -> tuple[Outcome, str]:
    """Read the damaged store, let a stage meet it if `consume`, verify it, repair it, and compare its bytes."""
    store = next(store for store in STORES if damage.file.startswith(f"{store}/"))
    inner = damage.file.removeprefix(f"{store}/")
    reading = _read(project, path, store)
    if reading.code == 0:
        if reading.output != undamaged[store]:
            return Outcome.SILENT, "other values are read"
        outcome = Outcome.VERIFIED
    else:
        outcome = _error(reading, store, inner)
    if consume and outcome == Outcome.NAMED:
        outcome, text = _consume(project, path, store)
        if outcome != Outcome.NAMED:
            return outcome, text
    if outcome not in (Outcome.NAMED, Outcome.VERIFIED) or not can_verify:
        return outcome, reading.output
    found = _command(project, path, "verify", store)
    if found.code != 1 or not _names(found.output, store, inner):
        bad = Outcome.TRACEBACK if "Traceback" in found.output else Outcome.MISSED
        return bad, f"verify, exit code {found.code}: {found.output}"
    mended = _command(project, path, "verify", store, "--repair")
    difference = compare(project.folder / "warp", path, [store])
    if mended.code != 0 or difference:
        return Outcome.NOT_MENDED, f"verify --repair, exit code {mended.code}: {difference}: {mended.output}"
    return outcome, reading.output


def _error(ended: Ended, store: str, inner: str) -> Outcome:
    if ended.code is None:
        return Outcome.HANG
    if ended.code != 1 or "Traceback" in ended.output:
        return Outcome.TRACEBACK
    return Outcome.NAMED if _names(ended.output, store, inner) else Outcome.UNCLEAR


def _names(text: str, store: str, inner: str) -> bool:
    """Whether a text names a store, and a file of it or its array."""
    array = inner.partition("/c/")[0].removesuffix("/zarr.json")
    return store in text and (inner in text or f"'{array}'" in text)


def _consume(project: Project, path: Path, store: str) -> tuple[Outcome, str]:
    """Let the stage that needs a store meet the damage; what it does not read may be damaged."""
    name = STORES[store][2]
    if not name:
        return Outcome.NAMED, ""
    stage = Stage(name)
    project.remove(stage, path)
    ended = project.run(stage, path)
    if ended.code == 0:
        difference = project.difference(stage, path)
        return (Outcome.SILENT if difference else Outcome.NAMED), f"{name}: {difference}"
    if ended.code is None:
        return Outcome.HANG, f"{name} hangs"
    if not ended.is_clear:
        return Outcome.TRACEBACK, f"{name}, exit code {ended.code}: {ended.output[-1500:]}"
    return (Outcome.NAMED if store in ended.message else Outcome.UNCLEAR), f"{name}: {ended.message}"


def _read(project: Project, path: Path, store: str) -> Ended:
    """Read a store in a fork, which prints the digest of what it read or the message of an error."""
    return run(partial(_print_digest, store), path, project.folder / "read.log")


def _print_digest(store: str) -> None:
    try:
        print(digest(store))
    except InputError as error:
        print(error)
        raise SystemExit(1) from None


def _command(project: Project, path: Path, *arguments: str) -> Ended:
    """Run `hypercolumns` in a fork."""
    return run(partial(command_line, list(arguments)), path, project.folder / "command.log")
