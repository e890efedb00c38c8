"""Files appear complete or not at all, and damage is never read."""

import threading
from pathlib import Path

import numpy as np
import pytest

from hypercolumns.places.atomic import atomic_write
from hypercolumns.scratch.checked_files import load_arrays, save_arrays

ARRAYS = {"a": np.arange(12).reshape(3, 4), "b": np.array(["x", "longer"]), "empty": np.zeros((0, 2), np.float16)}


def assert_equal(found: dict[str, np.ndarray] | None) -> None:
    assert found is not None
    assert found.keys() == ARRAYS.keys()
    for name, values in ARRAYS.items():
        np.testing.assert_array_equal(found[name], values)
        assert found[name].dtype == values.dtype


def test_an_interrupted_write_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(b"old")

    def write_and_fail() -> None:
        with atomic_write(path) as stream:
            stream.write(b"half of the new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_and_fail()
    assert path.read_bytes() == b"old"
    with atomic_write(path) as stream:
        stream.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_two_threads_that_write_the_same_file_leave_one_of_their_contents(tmp_path: Path) -> None:
    """Both have the file open at once, and write in turns."""
    path, turn = tmp_path / "entry", threading.Barrier(2, timeout=10)
    contents = [b"a" * 100_000, b"b" * 50_000]

    def write(content: bytes) -> None:
        with atomic_write(path) as stream:
            for start in range(0, len(content), len(content) // 10):
                turn.wait()
                stream.write(content[start : start + len(content) // 10])

    threads = [threading.Thread(target=write, args=[content]) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_bytes() in contents
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("compress", [False, True])
def test_arrays_are_read_as_they_were_written(compress: bool, tmp_path: Path) -> None:
    save_arrays(tmp_path / "a", ARRAYS, compress=compress)
    assert_equal(load_arrays(tmp_path / "a"))


def test_equal_arrays_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_arrays(tmp_path / name, ARRAYS)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_missing_file_is_none(tmp_path: Path) -> None:
    assert load_arrays(tmp_path / "a") is None


@pytest.mark.parametrize("compress", [False, True])
def test_a_flip_of_any_byte_a_cut_anywhere_and_appended_bytes_give_none_and_delete_the_file(
    compress: bool, tmp_path: Path
) -> None:
    path = tmp_path / "a"
    save_arrays(path, ARRAYS, compress=compress)
    content = path.read_bytes()
    flips = [content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :] for at in range(len(content))]
    cuts = [content[:at] for at in range(0, len(content), 13)]
    for damaged in (*flips, *cuts, content + b"\0", content + content[-4:]):
        path.write_bytes(damaged)
        assert load_arrays(path) is None
        assert not path.exists()


def test_objects_are_not_pickled(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        save_arrays(tmp_path / "a", {"a": np.array([object()])})
    assert list(tmp_path.iterdir()) == []
