"""The DVC stages `extract-train` and `extract-val`."""

import click

from hypercolumns.parameters import Parameters
from hypercolumns.steps import extract_features
from hypercolumns.workspace import SPLITS, Split, Workspace
from stages.common import stage


@stage
@click.option("--split", "splits", type=click.Choice(SPLITS), multiple=True, default=SPLITS, help="Can be repeated.")
def main(parameters: Parameters, workspace: Workspace, splits: tuple[Split, ...]) -> None:
    """Cache the hypercolumn blocks of all regions, in one Zarr store per split."""
    for split in splits:
        extract_features(parameters, workspace, split)


if __name__ == "__main__":
    main()
