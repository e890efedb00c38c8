"""Moving finished work to where it is used, without losing what is there until that has succeeded."""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def publish(work: Path, out: Path, *, keep: bool = False) -> None:
    """Make the finished file or folder `work` appear at `out`, replacing what is there.

    It is first brought beside `out`, by a rename or, across file systems, by a copy. Until that has succeeded the old
    result stays; if anything fails, it is still there, and so is `work`.

    Parameters
    ----------
    work
        What is complete.
    out
        Where it is used from.
    keep
        Whether `work` stays as well. Its files are linked then, not copied, where the file system can.

    Raises
    ------
    OSError
        If `out` cannot be written, such as on a full disk.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    new, old = (out.with_name(f".{out.name}.{state}") for state in ("new", "old"))
    if old.exists() and not out.exists():  # a run was killed between the two renames below
        old.rename(out)
    for stale in (new, old):
        _remove(stale)
    try:
        moved = not keep and _rename(work, new)
        if not moved:
            _copy(work, new, _link_or_copy if keep else shutil.copy2)
        if out.exists():
            out.rename(old)
        try:
            new.rename(out)
        except OSError:
            if old.exists():
                old.rename(out)
            raise
    except OSError:
        if new.exists() and not work.exists():
            new.rename(work)
        _remove(new)
        raise
    _remove(old)
    if not keep:
        _remove(work)


def _rename(work: Path, new: Path) -> bool:
    """Rename; False if `new` is on another file system."""
    if work.stat().st_dev != new.parent.stat().st_dev:
        return False
    work.rename(new)
    return True


def _copy(work: Path, new: Path, copy: Callable[[Path, Path], object]) -> None:
    """Copy a file or folder; unlike `shutil.copytree`, end at the first error and raise it as it is."""
    if not work.is_dir():
        copy(work, new)
        return
    new.mkdir()
    for entry in work.iterdir():
        _copy(entry, new / entry.name, copy)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _remove(path: Path) -> None:
    with suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
