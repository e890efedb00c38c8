"""SIGINT (Ctrl-C) and SIGTERM raise an exception while a command computes, so that files and workers are closed."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from hypercolumns.process import DEFAULTS, end

_SECONDS = 0.5
"""Interval at which it is checked whether the interrupt is being handled."""


class Interrupted(KeyboardInterrupt):
    """A signal has asked the command to end.

    Parameters
    ----------
    number
        Number of the signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextmanager
def interruptible() -> Iterator[None]:
    """Let signals raise `Interrupted` in a `with` block; a second signal ends the process at once.

    Does nothing where `process.prepare` was not called, such as in notebooks.
    """
    numbers = [number for number in DEFAULTS if signal.getsignal(number) is end]
    if not numbers:
        yield
        return
    received: list[int] = []

    def interrupt(number: int, _frame: object) -> NoReturn:
        for each in numbers:
            signal.signal(each, end)
        received.append(number)
        signal.setitimer(signal.ITIMER_REAL, _SECONDS, _SECONDS)
        raise Interrupted(number)

    def interrupt_again(_number: int, _frame: object) -> None:
        """Raise again when libraries have dropped the exception, such as in imports that they can do without."""
        if not _is_handled(sys.exc_info()[1]):
            raise Interrupted(received[0])

    def report_unless_interrupted(lost: "sys.UnraisableHookArgs") -> None:
        if not isinstance(lost.exc_value, Interrupted):
            sys.__unraisablehook__(lost)

    hook, alarm = sys.unraisablehook, signal.signal(signal.SIGALRM, interrupt_again)
    sys.unraisablehook = report_unless_interrupted
    try:
        for number in numbers:
            signal.signal(number, interrupt)
        yield
    except BaseException as error:
        # Libraries replace exceptions that they do not expect, such as those during the imports of C modules.
        if received and not isinstance(error, Interrupted):
            raise Interrupted(received[0]) from None
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number in numbers:
            signal.signal(number, end)
        signal.signal(signal.SIGALRM, alarm)
        sys.unraisablehook = hook


def _is_handled(error: BaseException | None) -> bool:
    """Whether an interrupt is on its way, which runs the code that closes files and workers."""
    while error is not None and not isinstance(error, Interrupted):
        error = error.__context__
    return error is not None
