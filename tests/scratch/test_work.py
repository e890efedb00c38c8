"""One run at a time holds a scratch folder, and unfinished work is found again by its key."""

import logging
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from hypercolumns.scratch.work import key_folder, locked, work
from tests.documents import ROOT

KEY = {"backbone": "a"}

HOLD = """
import sys
from pathlib import Path
from hypercolumns.scratch.work import locked

with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def owner(tmp_path):
    """Another process that holds the scratch folder until its input ends."""
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", HOLD, str(tmp_path / "s")],
        env={"PYTHONPATH": str(ROOT / "pipeline"), "PATH": ""},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def wait_for(scratch: Path, entered: threading.Event) -> threading.Thread:
    """Enter the folder on another thread."""

    def enter() -> None:
        with locked(scratch):
            entered.set()

    thread = threading.Thread(target=enter)
    thread.start()
    return thread


@pytest.mark.parametrize("end", ["finished", "killed"])
def test_a_second_process_waits_and_says_for_whom(
    owner: subprocess.Popen, end: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    entered = threading.Event()
    thread = wait_for(tmp_path / "s", entered)
    assert not entered.wait(1)
    assert f"is in use by process {owner.pid}; waiting" in caplog.text
    if end == "killed":
        owner.kill()
    else:
        owner.stdin.close()
    assert entered.wait(10)
    thread.join()
    assert [file.name for file in (tmp_path / "s").iterdir()] == ["lock"]


def test_a_second_thread_waits(tmp_path: Path) -> None:
    entered = threading.Event()
    with locked(tmp_path):
        thread = wait_for(tmp_path, entered)
        assert not entered.wait(0.2)
    assert entered.wait(10)
    thread.join()


def test_the_same_thread_may_hold_it_several_times(tmp_path: Path) -> None:
    entered = threading.Event()
    with locked(tmp_path):
        with locked(tmp_path):
            pass
        thread = wait_for(tmp_path, entered)
        assert not entered.wait(0.2), "leaving the inner block does not release it"
    assert entered.wait(10)
    thread.join()


def test_the_same_folder_by_another_path_is_held_too(tmp_path: Path) -> None:
    """Otherwise an inner block would wait for the outer one."""
    (tmp_path / "link").symlink_to(tmp_path / "s")
    with locked(tmp_path / "s"), work(tmp_path / "link", "train", KEY) as folder:
        (folder / "cell").write_text("")
    assert {file.name for file in (tmp_path / "s").iterdir()} == {"lock", "train"}


def test_what_a_killed_run_left_is_swept_and_unfinished_work_stays(tmp_path: Path) -> None:
    orphans = ["model.npz.12-3.part", "train/key/cell.npz.1-2.part", "detect-x/file", "tmpabc/file", f"{'0' * 64}/file"]
    kept = ["train/key/cell.npz", "extract/val.zarr/key/store.zarr/zarr.json", "detect/cache/entry"]
    for name in (*orphans, *kept):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")

    def files() -> set[str]:
        return {f.relative_to(tmp_path).as_posix() for f in tmp_path.rglob("*") if f.is_file()}

    with locked(tmp_path):
        assert files() == {*kept, "lock", "owner"}
        (tmp_path / "own.part").write_text("")
        with locked(tmp_path):
            assert (tmp_path / "own.part").exists(), "an inner block does not sweep what the outer one writes"
    assert not [f for f in files() if f.startswith(("detect-", "tmp"))]


def test_finished_work_stays_until_another_run_finishes_some(tmp_path: Path) -> None:
    """A run that is killed after its last result does nothing twice, and the folder does not grow."""
    with work(tmp_path, "train", KEY) as folder:
        (folder / "cell").write_text("")
        assert folder == key_folder(KEY, tmp_path / "train")
    with locked(tmp_path):
        pass
    with work(tmp_path, "train", KEY) as folder:
        assert (folder / "cell").exists()
    with pytest.raises(ValueError), work(tmp_path, "predict", KEY):  # noqa: PT011
        raise ValueError
    assert (folder / "cell").exists()
    with work(tmp_path, "predict", KEY):
        pass
    assert {file.name for file in tmp_path.iterdir()} == {"lock", "predict"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_unfinished_work_is_found_again_by_the_same_key_alone(error: type[BaseException], tmp_path: Path) -> None:
    with pytest.raises(error), work(tmp_path, "train", KEY) as folder:  # noqa: PT012
        (folder / "cell").write_text("1")
        raise error
    with work(tmp_path, "train", {"backbone": "b"}) as other:
        assert not (other / "cell").exists()
    with work(tmp_path, "predict", KEY) as other:
        assert not (other / "cell").exists()
    with work(tmp_path, "train", KEY) as again:
        assert (again / "cell").read_text() == "1"


def test_work_of_a_step_that_fails_later_is_kept(tmp_path: Path) -> None:
    """A step that combines several works does none of them twice."""

    def step(fails: bool) -> list[bool]:
        found = []
        with locked(tmp_path):
            for task in ("masks", "parts"):
                with work(tmp_path, "train", {"task": task}) as folder:
                    found.append((folder / "result").exists())
                    (folder / "result").write_text("")
            if fails:
                raise ValueError
        return found

    with pytest.raises(ValueError):  # noqa: PT011
        step(fails=True)
    assert step(fails=False) == [True, True]
    with locked(tmp_path), work(tmp_path, "train", {"task": "parts"}):
        pass
    assert len(list((tmp_path / "train").iterdir())) == 1


def test_other_code_does_not_find_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = key_folder(KEY, tmp_path)
    monkeypatch.setattr("hypercolumns.scratch.work.code_digest", lambda: "another")
    assert key_folder(KEY, tmp_path) != before
