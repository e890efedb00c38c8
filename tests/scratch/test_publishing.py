"""Publishing replaces a result at once; whatever fails, the old one and the finished work are still there."""

import errno
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hypercolumns.scratch import publishing
from hypercolumns.scratch.publishing import publish

OTHER = Path("/dev/shm")  # noqa: S108 - another file system

OLD = {"a": "old", "stale": "old"}
NEW = {"a": "new", "below/b": "new"}


@pytest.fixture(params=["same", "other"])
def work(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A finished folder on the file system of `tmp_path`, or on another one."""
    if request.param == "same":
        yield put(tmp_path / "scratch/work", NEW)
        return
    if not OTHER.exists() or OTHER.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip(f"{OTHER} is not another file system")
    with tempfile.TemporaryDirectory(dir=OTHER) as folder:
        yield put(Path(folder) / "work", NEW)


def put(folder: Path, content: dict[str, str]) -> Path:
    for name, text in content.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def files(folder: Path) -> dict[str, str]:
    return {f.relative_to(folder).as_posix(): f.read_text() for f in folder.rglob("*") if f.is_file()}


@pytest.mark.parametrize("keep", [False, True])
def test_a_folder_is_replaced(work: Path, keep: bool, tmp_path: Path) -> None:
    out = put(tmp_path / "data/out", OLD)
    publish(work, out, keep=keep)
    assert files(out) == NEW
    assert list(out.parent.iterdir()) == [out]
    assert (files(work) if work.exists() else None) == (NEW if keep else None)


@pytest.mark.parametrize("keep", [False, True])
def test_a_file_is_replaced(work: Path, keep: bool, tmp_path: Path) -> None:
    out = put(tmp_path / "data", {"out": "old"}) / "out"
    publish(work / "a", out, keep=keep)
    assert files(out.parent) == {"out": "new"}
    assert (work / "a").exists() == keep


def test_kept_work_is_linked(tmp_path: Path) -> None:
    work, out = put(tmp_path / "work", NEW), tmp_path / "out"
    publish(work, out, keep=True)
    assert all((work / name).samefile(out / name) for name in NEW)


def test_kept_work_is_copied_where_files_cannot_be_linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.EPERM, "no links")

    monkeypatch.setattr(os, "link", refuse)
    work, out = put(tmp_path / "work", NEW), tmp_path / "out"
    publish(work, out, keep=True)
    assert files(out) == files(work) == NEW
    assert not (work / "a").samefile(out / "a")


class FailingCalls:
    """Lets one of the calls that rename, copy and delete fail, by its number."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int, error: BaseException) -> None:
        self.made: list[str] = []
        self._number, self._error = number, error
        for owner, name in ((Path, "rename"), (shutil, "copy2"), (publishing, "_link_or_copy"), (shutil, "rmtree")):
            monkeypatch.setattr(owner, name, self._wrap(name, getattr(owner, name)))

    @property
    def failed(self) -> bool:
        return len(self.made) > self._number

    def _wrap(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            self.made.append(name)
            if len(self.made) == self._number + 1:
                raise self._error
            return call(*arguments, **options)

        return wrapped


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()], ids=["full", "Ctrl-C"])
def test_the_old_result_and_the_work_survive_a_failure_at_any_step(
    work: Path, keep: bool, error: BaseException, tmp_path: Path
) -> None:
    """Every rename, copy and deletion fails in turn; the next attempt succeeds."""
    at = 0
    while True:
        put(work, NEW)
        out = put(tmp_path / f"data{at}/out", OLD)
        with pytest.MonkeyPatch.context() as patch:
            calls = FailingCalls(patch, at, error)
            try:
                publish(work, out, keep=keep)
            except (OSError, KeyboardInterrupt) as raised:
                assert raised is error  # noqa: PT017 - whether it is raised depends on the step
                raised_any = True
            else:
                raised_any = False
        if not calls.failed:
            break
        is_deletion = calls.made[at] == "rmtree"
        assert files(out) == (NEW if is_deletion else OLD), calls.made
        assert is_deletion or (raised_any and files(work) == NEW), calls.made
        assert isinstance(error, KeyboardInterrupt) or raised_any != is_deletion
        put(work, NEW)
        publish(work, out, keep=keep)
        assert files(out) == NEW
        assert list(out.parent.iterdir()) == [out]
        at += 1
    assert at >= 3, "two renames and a deletion at least"


def test_a_run_that_was_killed_between_the_renames_loses_nothing(tmp_path: Path) -> None:
    """The old result waits under another name: the next attempt restores it before anything else."""
    put(tmp_path / "data/.out.old", OLD)
    out = tmp_path / "data/out"
    with pytest.raises(FileNotFoundError):
        publish(tmp_path / "missing", out)
    assert files(out) == OLD
    publish(put(tmp_path / "work", NEW), out)
    assert files(out) == NEW
    assert list(out.parent.iterdir()) == [out]
