"""Options and advice that all stages share."""

from collections.abc import Callable
from pathlib import Path

import click

from hypercolumns.cli.command import command
from hypercolumns.errors import InputError
from hypercolumns.parameters import Parameters
from hypercolumns.workspace import Workspace

_STAGES = {"extract": "extract-train extract-val"}
"""Stages in `dvc.yaml` by step, for steps whose stages have other names."""


def stage(function: Callable[..., None]) -> click.Command:
    """Make a command of a function that takes the checked `parameters` and the `workspace`."""
    with_workspace = click.option(
        "--root",
        "workspace",
        default=".",
        type=click.Path(path_type=Path),
        callback=lambda _context, _option, root: Workspace.at(root),
        help="Folder that holds data, metrics, plots and reports.",
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
    """Add the option `--task`; the step checks its value."""
    return click.option("--task", default="segmentation", help="Name of the task.")(function)


def _remedy(step: str) -> str:
    return f"`dvc repro {_STAGES.get(step, step)}` writes it."


def _load(path: Path) -> Parameters:
    try:
        return Parameters.load(path)
    except InputError as error:
        raise click.ClickException(str(error)) from None
