"""What every stage shares: the parameter file, the workspace, and the command that makes a missing input."""

from collections.abc import Callable
from pathlib import Path

import click

from hypercolumns.cli.command import command
from hypercolumns.errors import InputError
from hypercolumns.parameters import Parameters
from hypercolumns.workspace import Workspace

_TARGETS = {"extract": "extract-train extract-val"}
"""Stages in `dvc.yaml` of a step, where their name differs from the step's."""


def stage(function: Callable[..., None]) -> click.Command:
    """A command whose function gets the checked `parameters` and the `workspace`."""
    with_workspace = click.option(
        "--root",
        "workspace",
        default=".",
        type=click.Path(path_type=Path),
        callback=lambda _context, _option, root: Workspace.at(root),
        help="Folder with data, metrics, plots and reports.",
    )
    with_parameters = click.option(
        "--params",
        "parameters",
        default="params.yaml",
        type=click.Path(path_type=Path),
        callback=lambda _context, _option, path: _load(path),
        help="Parameter file.",
    )
    return command(with_parameters(with_workspace(function)), _remedy)


def task_option(function: Callable[..., None]) -> Callable[..., None]:
    """The option `--task`, checked by the step that gets it."""
    return click.option("--task", default="segmentation", help="Name of a task.")(function)


def _remedy(step: str) -> str:
    return f"`dvc repro {_TARGETS.get(step, step)}` writes it."


def _load(path: Path) -> Parameters:
    try:
        return Parameters.load(path)
    except InputError as error:
        raise click.ClickException(str(error)) from None
