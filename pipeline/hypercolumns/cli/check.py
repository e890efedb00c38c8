"""`hypercolumns check`: check a run and estimate its cost."""

from pathlib import Path

import click

from hypercolumns.cli.command import command


@command
@click.option("--params", default="params.yaml", type=click.Path(path_type=Path), help="Parameter file.")
@click.option("--dry", is_flag=True, help="Write nothing, and do not decode the photographs.")
def main(params: Path, dry: bool) -> None:
    """Check parameters and data, and estimate what a run costs.

    The estimate has regions, bytes on disk and minutes by stage.
    """
    # Imported here so that `--help` does not wait for torch.
    from hypercolumns.parameters import Parameters
    from hypercolumns.steps import check_pipeline
    from hypercolumns.workspace import Workspace

    check_pipeline(Parameters.load(params), Workspace(), dry=dry)
