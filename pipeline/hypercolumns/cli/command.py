"""What every command shares: errors as one paragraph, and the log as plain lines."""

import functools
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from hypercolumns.errors import InputError


def command(function: Callable[..., None], remedy: Callable[[str], str] | None = None) -> click.Command:
    """A Click command that prints an `InputError` as one paragraph and exits with code 1.

    Parameters
    ----------
    function
        Takes the values of the options that it is decorated with.
    remedy
        Given the step that writes a missing file, says how to run it; the message ends with that.
    """

    @functools.wraps(function)
    def run(*args: Any, **options: Any) -> None:
        try:
            with _log_on_stderr():
                function(*args, **options)
        except InputError as error:
            cure = f" {remedy(error.step)}" if remedy and error.step else ""
            raise click.ClickException(f"{error}{cure}") from None
        except KeyboardInterrupt:
            click.echo("Interrupted; finished work is kept, and the same command goes on from it.", err=True)
            raise SystemExit(130) from None

    return click.command(context_settings={"show_default": True})(run)


@contextmanager
def _log_on_stderr() -> Iterator[None]:
    """Show the library's log as plain lines."""
    logger, handler = logging.getLogger("hypercolumns"), logging.StreamHandler(sys.stderr)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
