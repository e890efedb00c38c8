"""Readers that do what the harness must notice."""

import logging
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

from hypercolumns.errors import InputError
from tests.mutations.harness import Outcome, Reader, Reading, content_mutation

_GIGABYTES = 3 * 2**30


def _refuse(path: Path) -> None:
    raise InputError(f"{path} is damaged.")


def _refuse_without_name(_path: Path) -> None:
    raise InputError("The file is damaged.")


def _refuse_at_length(path: Path) -> None:
    raise InputError(f"{path} is damaged: {'x' * 10_000}")


def _refuse_after_an_attempt(path: Path) -> None:
    try:
        bytearray(_GIGABYTES)
    except MemoryError:
        raise InputError(f"{path} is damaged.") from None


def _warn(path: Path) -> None:
    logging.getLogger("hypercolumns.reader").warning("Left out: %s", path)


def _fail(_path: Path) -> None:
    raise KeyError("a key")


def _allocate(_path: Path) -> None:
    bytearray(_GIGABYTES)


def _end(_path: Path) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _wait(_path: Path) -> None:
    time.sleep(60)


def _accept(_path: Path) -> None:
    pass


_LEGITIMATE = "for the test"
BEHAVIOUR: dict[str, tuple[Callable[[Path], None], str, Outcome]] = {
    "refuses": (_refuse, "", Outcome.REFUSED),
    "refuses without a name": (_refuse_without_name, "", Outcome.UNCLEAR),
    "refuses at length": (_refuse_at_length, "", Outcome.UNCLEAR),
    "allocates and refuses": (_refuse_after_an_attempt, "", Outcome.TOO_LARGE),
    "warns": (_warn, "", Outcome.LEFT_OUT),
    "accepts": (_accept, "", Outcome.SILENT),
    "accepts what is legitimate": (_accept, _LEGITIMATE, Outcome.CHANGED),
    "fails": (_fail, _LEGITIMATE, Outcome.CRASHED),
    "allocates": (_allocate, _LEGITIMATE, Outcome.TOO_LARGE),
    "ends the process": (_end, _LEGITIMATE, Outcome.CRASHED),
    "waits": (_wait, _LEGITIMATE, Outcome.TOO_SLOW),
}
"""What a reader does with a damaged file, why that may be legitimate, and the outcome."""


def _reader(name: str, act: Callable[[Path], None], legitimate: str) -> Reader:
    def read(root: Path) -> Reading:
        content = (root / "input.txt").read_text()
        if content != "good":
            act(root / "input.txt")
        return Reading(content)

    mutations = [
        content_mutation("bad", lambda _: b"bad", legitimate),
        content_mutation("the same", lambda content: content),
    ]
    return Reader(name, lambda root: (root / "input.txt").write_text("good"), read, {"input.txt": mutations})


GROUPS = {"all": [_reader(name, act, legitimate) for name, (act, legitimate, _) in BEHAVIOUR.items()]}
