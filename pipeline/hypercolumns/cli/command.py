"""Error and log handling that all commands share."""

import errno
import functools
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from hypercolumns.errors import InputError
from hypercolumns.places.bucket import PlaceError

_CURES = {
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT, errno.EFBIG), "Make room"),
    **dict.fromkeys((errno.EROFS, errno.EACCES, errno.EPERM), "Allow it (see `ls -l`)"),
}
_FAULTS_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}


def command(function: Callable[..., None], remedy: Callable[[str], str] | None = None) -> click.Command:
    """Make a Click command that prints an `InputError` as one paragraph and exits with code 1.

    So does a disk that is full or cannot be written, and an object store that fails. An interrupt exits with code 130.
    While the command runs, the log of the library goes to stderr as plain lines.

    Parameters
    ----------
    function
        A function decorated with Click options and arguments.
    remedy
        Returns the advice that ends the message, given the step that writes a missing file.
    """

    @functools.wraps(function)
    def run(*args: Any, **options: Any) -> None:
        try:
            with _log_on_stderr():
                function(*args, **options)
        except InputError as error:
            advice = f" {remedy(error.step)}" if remedy and error.step else ""
            raise click.ClickException(f"{error}{advice}") from None
        except PlaceError as error:
            raise click.ClickException(
                f"{error}. What was finished is kept; run again when the object store can be reached."
            ) from None
        except OSError as error:
            if error.errno not in _FAULTS_OF_THE_DISK:
                raise
            name = error.filename2 or error.filename  # of a copy, the target
            place = f"{name} cannot be written or read" if name else "A file cannot be written"
            cure = _CURES.get(error.errno, "Mend the disk")
            raise click.ClickException(
                f"{place}: {error.strerror}. {cure}, and run again: what was finished is kept."
            ) from None
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            raise SystemExit(130) from None

    return click.command(context_settings={"show_default": True})(run)


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
