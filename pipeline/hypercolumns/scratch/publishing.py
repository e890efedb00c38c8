"""Moving finished work to where it is used, without losing what is there until that has succeeded."""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def publish(work: Path, out: Path, *, keep: bool = False) -> None:
    """Make the finished file or folder `work` appear at `out`, replacing what is there.

    It is renamed or, across file systems, copied beside `out` first. Until that has succeeded the old result stays; if
    anything fails, it is still there, and so is `work`.

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
    copy, old = (out.with_name(f".{out.name}.{state}") for state in ("new", "old"))
    if old.exists() and not out.exists():  # a run was killed between the two renames below
        old.rename(out)
    for stale in (copy, old):
        _remove(stale)
    needs_copy = keep or work.stat().st_dev != out.parent.stat().st_dev
    try:
        if needs_copy:
            _copy(work, copy, _link_or_copy if keep else shutil.copy2)
        if out.exists():
            out.rename(old)
        (copy if needs_copy else work).rename(out)
    except BaseException:
        if old.exists() and not out.exists():
            old.rename(out)
        with suppress(OSError):
            _remove(copy)
        raise
    # The result is in place: what cannot be deleted now, such as files open over NFS, is no reason to fail.
    for stale in (old,) if keep or not needs_copy else (old, work):
        with suppress(OSError):
            _remove(stale)


def _copy(work: Path, target: Path, copy: Callable[[Path, Path], object]) -> None:
    """Copy a file or folder; unlike `shutil.copytree`, end at the first error, such as on a full disk."""
    if work.is_file():
        copy(work, target)
        return
    target.mkdir()
    for entry in work.iterdir():
        _copy(entry, target / entry.name, copy)


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
