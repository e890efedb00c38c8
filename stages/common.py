"""The command that runs a step of the library with the parameter file and the current folder."""

import inspect
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import yaml

from hypercolumns.cli.command import command
from hypercolumns.errors import InputError
from hypercolumns.memory import keep_freed_memory
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
        parameters = Parameters.load(params)
        keep_freed_memory()
        step(parameters, Workspace.at(root), **values)
        require_unchanged(params, parameters, values)

    run.__doc__ = (inspect.getdoc(step) or "").partition("\n\n")[0]
    made = command(run, _remedy)
    made.params += [PARAMS, ROOT, *options]
    return made


def require_unchanged(path: Path, parameters: Parameters, values: Mapping[str, Any]) -> None:
    """Refuse a parameter file that was edited while a stage ran, since DVC would record what the stage did not use.

    Parameters
    ----------
    path
        The parameter file.
    parameters
        What was read from it at the start.
    values
        Options of the stage, such as its task.

    Raises
    ------
    InputError
        Naming a parameter that the stage depends on and that has another value now.
    """
    before, now = (_leaves(p.model_dump(mode="json")) for p in (parameters, Parameters.load(path)))
    recorded = _recorded_keys(values)
    for key in sorted(before.keys() | now.keys()):
        if before.get(key) != now.get(key) and any(f"{key}.".startswith(f"{prefix}.") for prefix in recorded):
            raise InputError(
                f"{path} was edited while the stage ran: {key} was {before.get(key)!r} and is {now.get(key)!r} now. "
                "What was computed belongs to the old value, and is not recorded as if it belonged to the new one; run "
                "again."
            )


def _recorded_keys(values: Mapping[str, Any]) -> set[str]:
    """Parameters that DVC records for the stage that runs, or all but those of `compute` where DVC does not run it."""
    name, file = os.environ.get("DVC_STAGE", "").partition("@")[0], Path("dvc.yaml")
    stages = yaml.safe_load(file.read_text())["stages"] if name and file.exists() else {}
    if name not in stages:
        return set(Parameters().model_dump()) - {"compute"}
    keys = stages[name]["params"]
    # The checks depend on the whole file, which is written as a mapping.
    names = [key for key in keys if isinstance(key, str)] or list(Parameters().model_dump())
    return {name.replace("${item.task}", str(values.get("task"))) for name in names}


def _leaves(content: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Values by dotted key."""
    leaves: dict[str, Any] = {}
    for name, value in content.items():
        leaves |= _leaves(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return leaves


def _remedy(step: str) -> str:
    return f"`dvc repro {_STAGES.get(step, step)}` writes it."
