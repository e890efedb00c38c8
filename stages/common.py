"""The command that runs a step of the library with the parameter file and the current folder."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from hypercolumns.cli.command import command
from hypercolumns.errors import InputError
from hypercolumns.parameters import Parameters
from hypercolumns.workspace import Workspace

PARAMS = click.Option(["--params"], default="params.yaml", type=click.Path(path_type=Path), help="Parameter file.")
ROOT = click.Option(
    ["--root"],
    default=".",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder with data, metrics, plots and reports.",
)
TASK = click.Option(["--task"], default="segmentation", help="Name of the task.")

_STAGES = {"extract": "extract-train extract-val"}
"""Stages in `dvc.yaml` by step, for steps whose stages have other names."""


def stage(step: Callable[..., Any], *options: click.Option) -> click.Command:
    """Make a command that calls `step(parameters, workspace, ...)` with the values of `options`."""

    def run(params: Path, root: Path, **values: Any) -> None:
        if not params.exists():
            raise InputError(f"{params} does not exist; run in the project's folder, or name the file with --params.")
        step(Parameters.load(params), Workspace.at(root), **values)

    run.__doc__ = (inspect.getdoc(step) or "").partition("\n\n")[0]
    made = command(run, _remedy)
    made.params += [PARAMS, ROOT, *options]
    return made


def _remedy(step: str) -> str:
    return f"`dvc repro {_STAGES.get(step, step)}` writes it."
