"""Errors that calls of the system and of the object store raise in a run, in the process of the stage and in workers.

The environment variable `ERRORS` says which; where it is set, importing this module installs the hooks. Calls that
change files of the project, and requests to the object store, are numbered over all processes of a run.
"""

import functools
import json
import os
import resource
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.instruments import record

ERRORS = "FAULTS_ERRORS"
"""Environment variable: an `Injection` as JSON."""

MODULE = "tests.faults.injected"

_FILES = {"os.rename": 2, "os.link": 2, "os.mkdir": 1, "os.remove": 1, "os.rmdir": 1, "os.truncate": 1}
"""Events of Python's audit hooks that change files, and how many of their arguments are paths."""

_REQUESTS = ("get", "get_ranges", "put", "list", "delete", "head")
"""Functions of `obstore` that ask the object store."""


@dataclass(frozen=True)
class Injection:
    """Which calls fail."""

    root: str
    """Only calls on files below this folder count."""
    counter: str
    """File that gets a byte for every call."""
    first: int
    """Number of the first call that fails, from 1; 0 for none."""
    lasting: bool
    """Whether all later calls fail too, as on a full disk."""
    number: int
    """`errno` of the error."""
    requests: bool = False
    """Whether requests to the object store fail instead of calls on files."""
    file_bytes: int = 0
    """If not 0, writing fails beyond this size of a file, whatever library writes; all else works."""

    environment: Mapping[str, str] = field(default_factory=dict)
    """Further environment variables of the run."""

    def variables(self) -> dict[str, str]:
        """Environment variables of a run with these errors, which begins to count its calls."""
        Path(self.counter).unlink(missing_ok=True)
        return {**self.environment, ERRORS: json.dumps(asdict(self))}


def count_calls(injection: Injection) -> int:
    """Number of calls in the last run."""
    counter = Path(injection.counter)
    return counter.stat().st_size if counter.exists() else 0


def install(injection: Injection) -> None:
    """Let the calls of this process fail."""
    if injection.file_bytes:
        resource.setrlimit(resource.RLIMIT_FSIZE, (injection.file_bytes, resource.RLIM_INFINITY))
    elif injection.requests:
        _install_requests(injection)
    else:
        sys.addaudithook(functools.partial(_audit, injection))
        os.fsync = _failing_fsync(injection, os.fsync)


def _install_requests(injection: Injection) -> None:
    import obstore
    from obstore.exceptions import GenericError

    def failing(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            if _fails(injection, function.__name__):
                raise GenericError("injected")
            return function(*args, **options)

        return call

    for name in _REQUESTS:
        setattr(obstore, name, failing(getattr(obstore, name)))


def _audit(injection: Injection, event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open":
        path, mode, flags = arguments
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) if isinstance(flags, int) else "r" not in (mode or "r")
        paths = (path,) if writes else ()
    else:
        paths = arguments[: _FILES.get(event, 0)]
    if paths and _is_below(injection.root, paths[-1]) and _fails(injection, event):
        raise OSError(injection.number, os.strerror(injection.number), os.fsdecode(paths[-1]))


def _failing_fsync(injection: Injection, original: Callable[[int], None]) -> Callable[[int], None]:
    def fsync(file: int) -> None:
        if _is_below(injection.root, os.readlink(f"/proc/self/fd/{file}")) and _fails(injection, "fsync"):  # noqa: PTH115
            raise OSError(injection.number, os.strerror(injection.number))
        original(file)

    return fsync


def _is_below(root: str, path: Any) -> bool:
    if not isinstance(path, str | bytes):
        return False
    return os.path.join(os.getcwd(), os.fsdecode(path)).startswith(root)  # noqa: PTH109, PTH118 - paths are audited too


def _fails(injection: Injection, name: str) -> bool:
    """Count a call, and say whether it fails."""
    counter = os.open(injection.counter, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(counter, b".")
    number = os.lseek(counter, 0, os.SEEK_CUR)  # after an appended byte, this is the number of the byte
    os.close(counter)
    fails = 0 < injection.first <= number if injection.lasting else number == injection.first
    if fails:
        record("error", name)
    return fails


def install_from_environment() -> None:
    """Install what the environment says, if anything."""
    if ERRORS in os.environ:
        install(Injection(**json.loads(os.environ[ERRORS])))


install_from_environment()
