"""Ordinary trouble of a computer, such as a full disk, in one paragraph; all other errors are bugs."""

import errno
import io
import os
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from hypercolumns.errors import first_line

_KEPT = "and run again: what was finished is kept."

_CURES = {
    **dict.fromkeys((errno.ENOSPC, errno.EFBIG), "Make room"),
    errno.EDQUOT: "Make room (see `quota`)",
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), "Allow it (see `ls -l`)"),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), "Allow more (`ulimit -n 4096`), or lower compute.workers"),
    **dict.fromkeys((errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY), "Move what is there"),
    errno.ENAMETOOLONG: "Choose a shorter name",
    errno.ENOENT: "Make sure that nothing else moves or deletes files of this run",
    errno.EAGAIN: "Allow more processes (`ulimit -u`), or lower compute.workers",
}

_FILLED = (errno.ENOSPC, errno.EDQUOT)

_AFTER_WRAPPING = {*_CURES, errno.EIO} - {errno.ENOENT, errno.EEXIST, errno.EAGAIN}
"""Numbers that count even if another error was raised from them; programs meet and handle the others all the time."""

_NUMBER = re.compile(r"\(os error (\d+)\)")
"""How libraries in Rust (safetensors, obstore) give the number of an error."""

_OUT_OF_MEMORY = re.compile(
    r"out of memory|not enough memory|can't allocate|failed to allocate|insufficient memory", re.I
)
"""How torch, onnxruntime and OpenCV say it, which do not raise `MemoryError`."""

_NO_THREAD = "can't start new thread"


class TroubleError(Exception):
    """Ordinary trouble on a worker; its text is a paragraph for the user.

    Not an `OSError`: those of a file say that it is missing or damaged, and what it held would be computed again.
    """


def explain_trouble(error: BaseException) -> str | None:
    """Explain an error that is not a bug, or that was raised from one that is not.

    Parameters
    ----------
    error
        With its traceback, which tells the file where the error does not.

    Returns
    -------
    A paragraph that names the file and what to do; None for a bug.

    Examples
    --------
    >>> explain_trouble(OSError(errno.EIO, "", "a.txt"))
    'a.txt cannot be read or written: Input/output error. Mend this, and run again: what was finished is kept.'
    >>> explain_trouble(KeyError("a bug"))
    """
    for link in _chain(error):
        if isinstance(link, TroubleError):
            return str(link)
        if _is_memory(link):
            return (
                f"The memory is full ({first_line(link) or 'MemoryError'}). Close other programs, or lower "
                f"compute.workers or compute.batch_size where a stage computes, {_KEPT}"
            )
        if isinstance(link, UnicodeDecodeError) and link is error and (file := open_file(link)):
            byte = link.object[link.start]
            return f"{_name(file)} is not text in {link.encoding.upper()}: its byte {link.start} is {byte:#04x}."
        if isinstance(link, ModuleNotFoundError) and link is error and _is_foreign(link.name):
            return (
                f"The module {link.name} is missing in the Python environment {sys.prefix}: "
                "`pip install 'hypercolumns[pipeline]'`, in a clone `pip install --requirement requirements.txt`."
            )
        number = _number(link)
        if number is not None and (link is error or number in _AFTER_WRAPPING):
            return _about_file(link, number)
    return None


def _about_file(error: BaseException, number: int) -> str:
    # The second name is the target of a copy.
    given = getattr(error, "filename2", None) or getattr(error, "filename", None)
    name = os.fsdecode(given) if isinstance(given, str | bytes | os.PathLike) else _name(open_file(error))
    reason = os.strerror(number) if number else first_line(error)
    if number in _FILLED:
        reason += _free(Path(name or "."))
    return f"{name or 'A file'} cannot be read or written: {reason}. {_CURES.get(number, 'Mend this')}, {_KEPT}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and those that it was raised from, or while handling which."""
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)


def _number(error: BaseException) -> int | None:
    """Number of the system's error; 0 for an error of a file without a number, None for other errors."""
    if isinstance(error, ConnectionError | TimeoutError):
        return None
    if isinstance(error, OSError) and error.errno:
        return error.errno
    if found := _NUMBER.search(str(error)):
        return int(found[1])
    if isinstance(error, RuntimeError) and str(error) == _NO_THREAD:
        return errno.EAGAIN
    return 0 if type(error) in (OSError, IsADirectoryError) else None


def _is_foreign(module: str | None) -> bool:
    """Whether a module belongs to another package: a missing one of this package is a bug."""
    return module is not None and module.partition(".")[0] not in ("hypercolumns", "stages")


def _is_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    # cv2.error derives from `Exception` alone.
    is_of_library = isinstance(error, RuntimeError) or type(error).__module__.startswith(("cv2", "onnxruntime"))
    return is_of_library and bool(_OUT_OF_MEMORY.search(str(error)))


def open_file(error: BaseException) -> io.IOBase | None:
    """Find the file that the innermost function of a traceback has open; errors of writing do not name it."""
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        held = [*frame.f_locals.values(), *getattr(frame.f_locals.get("self"), "__dict__", {}).values()]
        for value in held:
            if isinstance(value, io.IOBase) and _name(value):
                return value
    return None


def _name(file: io.IOBase | None) -> str | None:
    """Name of a file; None if it has a number only, or is in memory."""
    name = getattr(file, "name", None)
    return name if isinstance(name, str) else None


def _free(path: Path) -> str:
    """How much is free on the disk of a file, in a clause; empty where that is unknown."""
    try:
        disk = os.statvfs(path if path.is_dir() else path.parent)
    except (OSError, ValueError):
        return ""
    if disk.f_files and not disk.f_favail:
        return f" (the disk of {path.absolute().parent} cannot hold more files)"
    return f" ({disk.f_bavail * disk.f_frsize / 1e6:.1f} MB are free in {path.absolute().parent})"
