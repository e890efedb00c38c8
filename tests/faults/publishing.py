"""Publishing across file systems and onto full ones: the old result stays until the new one is complete."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.faults.outcomes import Outcome, Result
from tests.faults.processes import Ended
from tests.faults.project import Project, Stage, read_files

_OTHER = Path("/dev/shm")  # noqa: S108 - another file system, and only a folder of ours in it

_STAGES = (
    Stage("propose"),
    Stage("detect"),
    Stage("extract-train"),
    Stage("extract-val", image=True),
    Stage("train"),
    Stage("predict"),
    Stage("baselines"),
)

_PAGE = 4096

Contents = dict[str, dict[str, bytes]]
"""Bytes by file for each result of a stage."""


def publish(project: Project, skipped: list[str], stages: Sequence[Stage] = _STAGES) -> Iterator[Result]:
    """Publish the results of stages from another file system, onto a full one, and from a full `.scratch`.

    Parameters
    ----------
    skipped
        Takes a line for what cannot be tried on this machine.
    """
    if _OTHER.exists() and _OTHER.stat().st_dev != project.folder.stat().st_dev:
        for stage in stages:
            yield _other_file_system(project, stage)
    else:
        skipped.append(f"publishing across file systems: {_OTHER} is not another file system than {project.folder}")
    if not _can_mount(project):
        skipped.append("full file systems: mounting a small tmpfs is not permitted")
        return
    for stage in stages:
        yield _full_target(project, stage)
        yield _full_scratch(project, stage)


def _other_file_system(project: Project, stage: Stage) -> Result:
    """Run a stage whose `.scratch` is on another file system and whose old result is there."""
    title = f"{stage.title}: .scratch elsewhere"
    with project.copy(stage) as path, tempfile.TemporaryDirectory(dir=_OTHER) as scratch:
        (path / ".scratch").symlink_to(scratch)
        put_old_results(project, stage, path)
        ended = project.run(stage, path)
        return _finished(project, stage, path, title, ended)


def _full_target(project: Project, stage: Stage) -> Result:
    """Run a stage whose results do not fit beside the old ones, make room, and run it again."""
    title = f"{stage.title}: full target"
    with project.copy(stage) as path:
        folder = (path / stage.outs[0]).parent
        old = put_old_results(project, stage, path)
        aside = path / "aside"
        folder.rename(aside)
        folder.mkdir()
        with _small_file_system(folder, _size(aside) + _PAGE * 8):
            shutil.copytree(aside, folder, dirs_exist_ok=True)
            return _run_twice(project, stage, path, title, old, folder, repeats=False)


def _full_scratch(project: Project, stage: Stage) -> Result:
    """Run a stage whose `.scratch` is full, make room, and run it again."""
    title = f"{stage.title}: full .scratch"
    with project.copy(stage) as path:
        old = put_old_results(project, stage, path)
        scratch = path / ".scratch"
        scratch.mkdir()
        size = sum(_size(path / out) for out in stage.outs) // 2
        with _small_file_system(scratch, size):
            return _run_twice(project, stage, path, title, old, scratch)


def _run_twice(
    project: Project, stage: Stage, path: Path, title: str, old: Contents, full: Path, *, repeats: bool = True
) -> Result:
    """Run a stage while the file system at `full` has too little room, enlarge that, and run the stage again."""
    refused = project.run(stage, path)
    if refused.code == 0 and not project.difference(stage, path):
        return Result(title, Outcome.EQUAL, "there was room enough")
    if bad := _bad_refusal(refused):
        return Result(title, *bad)
    if harm := lost(project, stage, path, old):
        return Result(title, Outcome.LOST, f"{harm}: {refused.output[-1000:]}")
    _enlarge(full)
    return _finished(project, stage, path, title, project.run(stage, path), repeats=repeats)


def _bad_refusal(ended: Ended) -> tuple[Outcome, str] | None:
    if ended.code is None:
        return Outcome.HANG, ended.output[-1000:]
    if ended.code == 0:
        return Outcome.SILENT, "it ends well with other bytes"
    return None if ended.is_clear else (Outcome.TRACEBACK, ended.output[-2000:])


def _finished(project: Project, stage: Stage, path: Path, title: str, ended: Ended, *, repeats: bool = True) -> Result:
    """Judge a run that should have ended with the right bytes; with `repeats`, it may have computed something."""
    if ended.code != 0:
        bad = Outcome.TRACEBACK if "Traceback" in ended.output else Outcome.FAILED
        return Result(title, bad, ended.output[-2000:])
    if difference := project.difference(stage, path):
        return Result(title, Outcome.DIFFERS, difference)
    again = sum(event.kind == "unit" for event in ended.events)
    if again and not repeats:
        return Result(title, Outcome.TWICE, f"{again} units were computed again")
    return Result(title, Outcome.EQUAL)


def lost(project: Project, stage: Stage, path: Path, old: Contents) -> str:
    """Name a result that is neither the old one nor the new one; empty if there is none."""
    present, new = _contents(stage, path), _contents(stage, project.reference(stage))
    return next((out for out, files in present.items() if files not in (old[out], new[out])), "")


def put_old_results(project: Project, stage: Stage, path: Path) -> Contents:
    """Put results that differ from those that the stage will write in their place."""
    for out in stage.outs:
        source, target = project.reference(stage) / out, path / out
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
            (target / "old").write_text("an older result")
        else:
            target.write_text("an older result")
    return _contents(stage, path)


def _contents(stage: Stage, path: Path) -> Contents:
    return {out: read_files(path, [out]) for out in stage.outs if out.startswith("data/")}


def _size(path: Path) -> int:
    """Bytes that a file or folder takes in memory, in whole pages."""
    files = [path, *path.rglob("*")] if path.is_dir() else [path]
    return sum(-(-file.stat().st_size // _PAGE) * _PAGE for file in files if file.is_file())


def _can_mount(project: Project) -> bool:
    folder = project.folder / "mounted"
    folder.mkdir(exist_ok=True)
    try:
        with _small_file_system(folder, 1 << 20):
            return True
    except (OSError, subprocess.CalledProcessError):
        return False


@contextmanager
def _small_file_system(folder: Path, size: int) -> Iterator[None]:
    """Mount a file system of `size` bytes in memory at a folder of the project."""
    _call("mount", "-t", "tmpfs", "-o", f"size={max(size, _PAGE)}", "tmpfs", str(folder))
    try:
        yield
    finally:
        _call("umount", str(folder))


def _enlarge(folder: Path) -> None:
    _call("mount", "-o", f"remount,size={1 << 28}", str(folder))


def _call(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"LC_ALL": "C"})  # noqa: S603
