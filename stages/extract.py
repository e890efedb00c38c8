"""The DVC stages `extract-train` and `extract-val`."""

import click

from hypercolumns.parameters import Parameters
from hypercolumns.workspace import SPLITS, Workspace
from stages.common import stage

SPLIT = click.Option(["--split"], type=click.Choice([*SPLITS, "both"]), default="both", help="Split to extract.")


def extract(parameters: Parameters, workspace: Workspace, split: str) -> None:
    """Run the frozen network over all regions, and write a feature store of each split."""
    from hypercolumns.steps import extract_features  # torch takes seconds to import; `--help` does without

    for name in SPLITS:
        if split in (name, "both"):
            extract_features(parameters, workspace, name)


main = stage(extract, SPLIT)

if __name__ == "__main__":
    main()
