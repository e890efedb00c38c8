"""The DVC stages `check-parameters` and `check`, whose files have the same content whenever they succeed."""

import os
from pathlib import Path

import click

from hypercolumns.errors import InputError
from hypercolumns.input_files import expand_home, is_file, is_folder
from hypercolumns.parameters import BackboneParameters, DatasetParameters, DetectionParameters, Parameters
from hypercolumns.workspace import Workspace
from stages.common import stage

DEFAULTS = {
    "dataset.root": DatasetParameters().root,
    "backbone.file": BackboneParameters().file,
    "detection.file": DetectionParameters().file,
}
"""Paths that DVC watches, and their defaults."""

PARAMETERS = click.Option(["--parameters", "only_parameters"], is_flag=True, help="Do not look at the data set.")


def check(parameters: Parameters, workspace: Workspace, only_parameters: bool) -> None:
    """Check the parameters and the data set before anything is computed, and estimate the cost of the run."""
    from hypercolumns.steps.check import check_parameters, check_pipeline

    if only_parameters:
        check_parameters(parameters)
        _require_paths_for_dvc(parameters)
    else:
        check_pipeline(parameters, workspace)
    name = "parameters" if only_parameters else "data"
    passed = workspace.check(name)
    passed.parent.mkdir(parents=True, exist_ok=True)
    passed.write_text(f"The {name} passed all checks.\n")


def _require_paths_for_dvc(parameters: Parameters) -> None:
    """Refuse `~` where DVC watches a path, since DVC does not expand it."""
    if "DVC_STAGE" not in os.environ:
        return
    named = {
        "dataset.root": parameters.dataset.root,
        "backbone.file": parameters.backbone.file,
        "detection.file": parameters.detection.file,
    }
    for key, name in named.items():
        if name.startswith("~"):
            raise InputError(f"{key} is {name!r}, and DVC does not expand ~; write {str(expand_home(name))!r}.")
        if not (is_file(Path(name)) or is_folder(Path(name))):
            raise InputError(
                f"{key} is {name!r}, which does not exist. It is not used here, but DVC watches it: set it back to "
                f"{DEFAULTS[key]!r}."
            )


main = stage(check, PARAMETERS)

if __name__ == "__main__":
    main()
