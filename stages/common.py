"""What every stage command shares: the parameter file, and errors as one paragraph with exit code 1."""

import functools
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from pipeline.errors import InputError
from pipeline.parameters import Parameters

params_option = click.option(
    "--params",
    "params",
    default="params.yaml",
    show_default=True,
    type=click.Path(path_type=Path),
    callback=lambda _context, _option, path: _load(path),
    help="Parameter file.",
)


def stage(function: Callable[..., None]) -> click.Command:
    """A command that gets the checked `Parameters` as its argument `params`; see `command`."""
    return command(params_option(function))


def command(function: Callable[..., None]) -> click.Command:
    """A Click command that prints an `InputError` as one paragraph and exits with code 1."""

    @functools.wraps(function)
    def run(*args: Any, **options: Any) -> None:
        logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
        try:
            function(*args, **options)
        except InputError as error:
            raise click.ClickException(str(error)) from None
        except KeyboardInterrupt:
            click.echo("Interrupted; propose, extract and what trains go on where they were when run again.", err=True)
            raise SystemExit(130) from None

    return click.command(context_settings={"show_default": True})(run)


def _load(path: Path) -> Parameters:
    try:
        return Parameters.load(path)
    except InputError as error:
        raise click.ClickException(str(error)) from None
