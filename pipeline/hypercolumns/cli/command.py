"""Error and log handling that all commands share."""

import functools
import logging
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from hypercolumns.cli.interrupts import interruptible
from hypercolumns.errors import InputError
from hypercolumns.places.bucket import PlaceError
from hypercolumns.process import report
from hypercolumns.trouble import explain_trouble, open_file

_BUG = "This is a bug of hypercolumns: please report it with this text, the command and params.yaml."


def command(function: Callable[..., None], remedy: Callable[[str], str] | None = None) -> click.Command:
    """Make a Click command that prints an `InputError` as one paragraph and exits with code 1.

    So do an object store that fails and the troubles of a computer, such as a full disk. An interrupt exits with code
    130, and SIGTERM with code 143. While the command runs, the log of the library goes to stderr as plain lines.

    Parameters
    ----------
    function
        A function decorated with Click options and arguments.
    remedy
        Returns the advice that ends the message, given the step that writes a missing file.
    """

    @functools.wraps(function)
    def run(*args: Any, **options: Any) -> None:
        with worded_errors(remedy), interruptible(), _log_on_stderr():
            function(*args, **options)

    return click.command(context_settings={"show_default": True})(run)


@contextmanager
def worded_errors(remedy: Callable[[str], str] | None = None) -> Iterator[None]:
    """Word the errors in a `with` block that are not bugs.

    Parameters
    ----------
    remedy
        As for `command`.

    Raises
    ------
    click.ClickException
        With one paragraph.
    SystemExit
        After an interrupt, and when the reader of stdout has left.
    """
    try:
        yield
    except InputError as error:
        advice = f" {remedy(error.step)}" if remedy and error.step else ""
        raise click.ClickException(f"{error}{advice}") from None
    except PlaceError as error:
        raise click.ClickException(f"{error}. What was finished is kept; {error.advice}.") from None
    except KeyboardInterrupt as error:
        raise SystemExit(report(getattr(error, "number", signal.SIGINT))) from None
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except Exception as error:
        if isinstance(error, OSError) and open_file(error) is sys.stdout:
            if isinstance(error, BrokenPipeError):  # `hypercolumns inspect data | head -1`
                raise SystemExit(1) from None
            raise click.ClickException(f"The output cannot be written: {error.strerror}.") from None
        if paragraph := explain_trouble(error):
            raise click.ClickException(paragraph) from None
        if _BUG not in getattr(error, "__notes__", ()):  # commands of a group pass here twice
            error.add_note(_BUG)  # the last lines of its traceback
        raise


@contextmanager
def _log_on_stderr() -> Iterator[None]:
    """Print the log of the library to stderr as plain lines."""
    logger, handler = logging.getLogger("hypercolumns"), logging.StreamHandler(sys.stderr)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
