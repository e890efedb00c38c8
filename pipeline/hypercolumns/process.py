"""How the process of a command starts: until the command computes, SIGINT (Ctrl-C) and SIGTERM end it in one line.

Imports only what Python has imported already, since nothing else can be in place before it.
"""

import os
import signal
import sys

DEFAULTS = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
"""Handlers in a new process. Other ones are left alone: the background jobs of a shell ignore Ctrl-C."""

_REPORTS = {signal.SIGINT: b"Interrupted.\n", signal.SIGTERM: b"Terminated.\n"}


def is_command(*packages: str) -> bool:
    """Whether Python was started to run one of `packages`, with `-m` or by a script of that name."""
    words = sys.orig_argv
    if "-m" in words[:-1]:
        return words[words.index("-m") + 1].partition(".")[0] in packages
    return any(word.rpartition("/")[2] in packages for word in words[1:2])


def prepare() -> None:
    """Let signals end this process at once, and open the standard streams that are closed."""
    for number, default in DEFAULTS.items():
        if signal.getsignal(number) == default:
            signal.signal(number, end)
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # the next file would take its number, and then the messages of libraries
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: SIM115, PTH123


def end(number: int, _frame: object) -> None:
    """Handle a signal by ending this process at once; what was finished is kept."""
    os._exit(report(number))


def report(number: int) -> int:
    """Say on stderr that a signal has ended the command, and return the exit code."""
    try:  # noqa: SIM105 - contextlib is not imported yet
        os.write(2, _REPORTS[signal.Signals(number)])
    except OSError:
        pass
    return 128 + number
