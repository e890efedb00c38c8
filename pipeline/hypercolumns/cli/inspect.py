"""`hypercolumns inspect`: what is in a feature store."""

from pathlib import Path

import click

from hypercolumns.cli.command import command


@command
@click.argument("path", type=click.Path(path_type=Path))
def main(path: Path) -> None:
    """Print what the feature store at PATH holds."""
    # Pandas and Zarr take long to import; `--help` does without.
    from hypercolumns.features.description import describe
    from hypercolumns.features.store import FeatureStore

    click.echo("\n".join(describe(FeatureStore.open(path))))
