"""`hypercolumns inspect`: print the contents of a feature store."""

from pathlib import Path

import click

from hypercolumns.cli.command import command


@command
@click.argument("path", type=click.Path(path_type=Path))
def main(path: Path) -> None:
    """Print the contents of the feature store at PATH."""
    # Imported here so that `--help` does not wait for pandas and Zarr.
    from hypercolumns.features.description import describe
    from hypercolumns.features.store import FeatureStore

    click.echo("\n".join(describe(FeatureStore.open(path))))
