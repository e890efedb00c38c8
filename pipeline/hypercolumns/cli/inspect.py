"""`hypercolumns inspect`: print the contents of a feature store."""

import click

from hypercolumns.cli.command import command


@command
@click.argument("path", type=click.Path())
def main(path: str) -> None:
    """Print the contents of the feature store at PATH.

    PATH is a folder or an address such as s3://bucket/folder.
    """
    # Imported here so that `--help` does not wait for pandas and Zarr.
    from hypercolumns.features.description import describe
    from hypercolumns.features.store import FeatureStore

    click.echo("\n".join(describe(FeatureStore.open(path))))
