"""Folders of work by its key: one run at a time holds the scratch folder, and the next one goes on where it ended."""

import logging
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from hypercolumns.places.atomic import PART
from hypercolumns.scratch.digests import code_digest, key_digest

logger = logging.getLogger(__name__)

_LOCK = "lock"
_OWNER = "owner"
_FINISHED = "finished"
_PATIENCE = 0.5
"""Seconds until a run says that it waits for another one."""

_finished: dict[Path, list[Path]] = {}
"""Folders of finished work by the scratch folder that this process holds."""


def key_folder(key: Mapping[str, Any], root: Path) -> Path:
    """Return the path below `root` of the folder for `key`, which may not exist.

    The path also depends on the package's source, so that no result mixes the work of two versions of the code.

    Parameters
    ----------
    key
        Everything that the result depends on: parameters and digests of inputs.
    root
        Folder of all such folders.
    """
    return root / key_digest({"work": key, "code": code_digest()})


@contextmanager
def locked(scratch: Path) -> Iterator[None]:
    """Hold a scratch folder; a second run waits, and says for whom.

    The operating system releases the lock when the process ends, however it ends. The same process may hold it
    several times. What a killed run left unfinished, and no run could continue, is deleted.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    scratch = scratch.resolve()  # the same folder by another path is held too
    lock = FileLock(scratch / _LOCK, is_singleton=True)
    first = not lock.is_locked
    try:
        _acquire(lock, scratch, _PATIENCE)
    except Timeout:
        logger.info("%s is in use by %s; waiting until it ends.", scratch, _owner(scratch))
        _acquire(lock, scratch)
    try:
        scratch.mkdir(exist_ok=True)
        if first:
            (scratch / _OWNER).write_text(f"process {os.getpid()}")
            _sweep(scratch)
        yield
        if first and scratch in _finished:
            _keep_as_last(_finished[scratch], scratch)
    finally:
        if first:
            _finished.pop(scratch, None)
            (scratch / _OWNER).unlink(missing_ok=True)
        lock.release()


@contextmanager
def work(scratch: Path, step: str, key: Mapping[str, Any]) -> Iterator[Path]:
    """Hold `scratch` and yield the folder of the work of a step.

    After an interruption the same key finds the same folder. Finished work stays until another run finishes some: a run
    that is killed after its last result, or before all that follows from it is written, does nothing twice.

    Parameters
    ----------
    scratch
        Folder of the unfinished work of all steps.
    step
        Name of the step, such as `train-parts`.
    key
        As for `key_folder`.
    """
    with locked(scratch):
        folder = key_folder(key, scratch / step)
        folder.mkdir(parents=True, exist_ok=True)
        yield folder
        _finished.setdefault(scratch.resolve(), []).append(folder.resolve())


def _acquire(lock: FileLock, scratch: Path, timeout: float = -1) -> None:
    """Take the lock of a scratch folder, which the run that holds it may delete with its last work."""
    while True:
        try:
            lock.acquire(timeout=timeout)
        except FileNotFoundError:
            scratch.mkdir(exist_ok=True)
        else:
            return


def _keep_as_last(folders: list[Path], scratch: Path) -> None:
    """Mark the folders of the work that this run has finished, and delete those of earlier runs."""
    for mark in scratch.glob(f"*/*/{_FINISHED}"):
        if mark.parent not in folders:
            shutil.rmtree(mark.parent, ignore_errors=True)
            with suppress(OSError):  # other work of the step is there
                mark.parent.parent.rmdir()
    for folder in folders:
        (folder / _FINISHED).touch()


def _owner(scratch: Path) -> str:
    try:
        return (scratch / _OWNER).read_text() or "another run"
    except OSError:
        return "another run"


def _sweep(scratch: Path) -> None:
    """Delete files that were being written, and folders of versions that had another layout."""
    for part in scratch.rglob(f"*{PART}"):
        with suppress(OSError):
            part.unlink()
    for path in scratch.iterdir():
        if path.name.startswith(("tmp", "detect-")) or (len(path.name) == 64 and path.is_dir()):
            shutil.rmtree(path, ignore_errors=True)
