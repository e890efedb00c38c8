"""The DVC stages `extract-train` and `extract-val`."""

import click

from hypercolumns.cluster.imports import without_garbage_collection
from hypercolumns.parameters import Parameters
from hypercolumns.workspace import SPLITS, Workspace
from stages.common import stage

SPLIT = click.Option(["--split"], type=click.Choice([*SPLITS, "both"]), default="both", help="Split to extract.")


def extract(parameters: Parameters, workspace: Workspace, split: str) -> None:
    """Run the frozen network over all regions, and write a feature store of each split."""
    # torch takes seconds to import; `--help` does without.
    with without_garbage_collection():
        from hypercolumns.steps import extract_features

    for name in SPLITS:
        if split in (name, "both"):
            extract_features(parameters, workspace, name)


main = stage(extract, SPLIT)

if __name__ == "__main__":
    main()
