"""Only regular files of bounded size are read, at once; names that no file can have are not there."""

import os
from pathlib import Path

import pytest

from hypercolumns.errors import InputError
from hypercolumns.input_files import expand_home, is_file, is_folder, read_bytes

IMPOSSIBLE = ["a" * 300, "a/" * 5000, "a\0b", "\ud800"]


def test_a_file_is_read_up_to_its_limit(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"hello")
    assert read_bytes(path, 5) == b"hello"
    with pytest.raises(OSError, match="more than the 4 bytes"):
        read_bytes(path, 4)


def test_what_is_not_a_regular_file_is_refused_without_waiting(tmp_path):
    """A named pipe has no writer, and /dev/zero no end."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    for path, message in (
        (tmp_path / "pipe", "not a regular file"),
        (Path("/dev/zero"), "not a regular file"),
        (tmp_path, "folder"),
        (tmp_path / "loop", "loop"),
        (tmp_path / "none", "none"),
    ):
        with pytest.raises(OSError, match=message):
            read_bytes(path)


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_names_that_no_file_can_have_are_not_there(tmp_path, name):
    """Path.is_file raises for some of them."""
    assert not is_file(tmp_path / name)
    assert not is_folder(tmp_path / name)
    assert is_folder(tmp_path)


def test_the_home_of_nobody_stays_as_it_is_written():
    assert expand_home("~nobody-of-this-name/x") == Path("~nobody-of-this-name/x")
    assert expand_home("~/x") == Path.home() / "x"


def test_messages_stay_readable_whatever_they_repeat():
    """A file may hold names of any length and characters that move the cursor."""
    message = str(InputError(f"a.json has the name {'x' * 10**6}\x1b[2J\0; choose another."))
    assert len(message) < 5000
    assert message.startswith("a.json has the name xxx")
    assert message.endswith(r"\x1b[2J\x00; choose another.")
    assert str(InputError("First line.\nSecond line, with é.")) == "First line.\nSecond line, with é."
