"""The DVC stage `prepare`."""

import click

from hypercolumns.parameters import Parameters
from hypercolumns.steps import prepare_annotations
from hypercolumns.workspace import Workspace
from stages.common import stage


@stage
@click.option("--skip-bad/--no-skip-bad", default=None, help="Override dataset.skip_bad.")
def main(parameters: Parameters, workspace: Workspace, skip_bad: bool | None) -> None:
    """Read or draw the data set and write its annotations as COCO JSON."""
    if skip_bad is not None:
        dataset = parameters.dataset.model_copy(update={"skip_bad": skip_bad})
        parameters = parameters.model_copy(update={"dataset": dataset})
    prepare_annotations(parameters, workspace)


if __name__ == "__main__":
    main()
