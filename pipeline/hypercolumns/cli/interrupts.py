"""SIGINT (Ctrl-C) and SIGTERM raise an exception while a command computes, so that files and workers are closed."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from hypercolumns.process import DEFAULTS, end


class Interrupted(KeyboardInterrupt):
    """A signal has asked the command to end.

    Parameters
    ----------
    number
        Of the signal.
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
    received: list[int] = []

    def interrupt(number: int, _frame: object) -> NoReturn:
        for each in numbers:
            signal.signal(each, end)
        received.append(number)
        raise Interrupted(number)

    def interrupt_again(lost: "sys.UnraisableHookArgs") -> None:
        """Send the signal again when its exception met code that drops exceptions, such as `__del__`."""
        if not isinstance(lost.exc_value, Interrupted):
            sys.__unraisablehook__(lost)
            return
        signal.signal(received[0], interrupt)
        threading.Timer(0.05, os.kill, (os.getpid(), received[0])).start()

    hook = sys.unraisablehook
    try:
        if numbers:
            sys.unraisablehook = interrupt_again
        for number in numbers:
            signal.signal(number, interrupt)
        yield
    except BaseException as error:
        # Libraries replace exceptions that they do not expect, such as those during the imports of C modules.
        if received and not isinstance(error, Interrupted):
            raise Interrupted(received[0]) from None
        raise
    finally:
        for number in numbers:
            signal.signal(number, end)
        sys.unraisablehook = hook
