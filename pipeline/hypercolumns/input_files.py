"""Files from outside: their paths, whether they exist, and their content, within bounds."""

import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from hypercolumns.errors import InputError

LARGEST = 4 * 2**30
"""Bytes of the largest file that is read; the annotations of COCO have a tenth of it."""

_UNITS = ((1 << 20, "MB"), (1 << 10, "kB"))

MOST_PIXELS = 2**32 - 1
"""Pixels of the largest image; run-length codes count in 32 bits."""

LONGEST_NAME = 200
"""Bytes of the longest file or folder name that outputs are named after; systems allow 255, and outputs add to it."""


def is_file(path: Path) -> bool:
    """Whether there is a regular file; false for names that no file can have, where `path.is_file()` may raise."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether there is a folder; false for names that no folder can have, where `path.is_dir()` may raise."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def is_inside(name: str) -> bool:
    """Whether a relative path stays inside the folder that it starts from.

    Names may come from either system, so both meanings of a path must be harmless.

    Examples
    --------
    >>> is_inside("val2017/0001.jpg"), is_inside("../0001.jpg"), is_inside("C:0001.jpg")
    (True, False, False)
    """
    if not name.strip() or "\0" in name:
        return False
    if not ("\\" in name or ":" in name or ".." in name or name.startswith("/")):
        return True  # the usual case; building paths takes twenty times as long
    return not any(path.anchor or ".." in path.parts for path in (PurePosixPath(name), PureWindowsPath(name)))


def expand_home(name: str) -> Path:
    """Path of a name that may begin with `~`; unchanged if there is no such user, where `expanduser` would raise."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def read_bytes(path: Path, largest: int = LARGEST) -> bytes:
    """Read a regular file of at most `largest` bytes.

    Reading a named pipe would wait for a writer, and a device may never end.

    Raises
    ------
    OSError
        If there is no such file, or it is larger.
    """
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError("it is a folder")
    if not stat.S_ISREG(status.st_mode):
        raise OSError("it is not a regular file")
    if fault := too_large(status.st_size, largest):
        raise OSError(f"it {fault}")
    return path.read_bytes()


@contextmanager
def open_regular(path: Path) -> Iterator[FileIO]:
    """Open a regular file for reading within a `with` block; opening a named pipe would wait for a writer.

    Raises
    ------
    OSError
        If there is no such file.
    """
    # A pipe that has no writer opens at once; regular files know no waiting.
    with FileIO(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError("it is not a regular file")
        yield stream


def too_large(size: int, largest: int = LARGEST) -> str | None:
    """Explain that a file of so many bytes is not read; None if it is.

    Examples
    --------
    >>> too_large(3 << 20, 2 << 20), too_large(3 << 10, 1 << 10), too_large(1)
    ('has 3 MB, more than the 2 MB that are read', 'has 3 kB, more than the 1 kB that are read', None)
    """
    if size <= largest:
        return None
    unit, name = next((unit for unit in _UNITS if largest >= unit[0]), (1, "bytes"))
    return f"has {size / unit:.0f} {name}, more than the {largest / unit:.0f} {name} that are read"


def read_json(path: Path, largest: int = LARGEST) -> Any:
    """Read a JSON file in any encoding that JSON allows.

    Raises
    ------
    OSError
        As `read_bytes`.
    ValueError
        If it is not JSON, or nested too deeply.
    """
    try:
        return json.loads(read_bytes(path, largest))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def require_json(path: Path, step: str | None = None) -> Any:
    """Read a JSON file that another step writes.

    Parameters
    ----------
    step
        The step, for the advice that ends the message.

    Raises
    ------
    InputError
        If the file cannot be read, or is not JSON.
    """
    try:
        return read_json(path)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.", step) from None
    except ValueError as error:
        raise InputError(f"{path} is not JSON: {error}.", step) from None
