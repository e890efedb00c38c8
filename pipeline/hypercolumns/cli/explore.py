"""`hypercolumns explore`: click a pixel, and see what is similar to it."""

import click

from hypercolumns.cli.command import command
from hypercolumns.cli.options import ANNOTATIONS, split_names
from hypercolumns.errors import InputError, counted


@command
@click.argument("store", type=click.Path())
@click.option("--regions", default=24, type=click.IntRange(1, 500), help="Largest number of regions, evenly spaced.")
@click.option("--layers", help="Layers to compare, separated by commas. [default: all that have a map]")
@click.option("--port", default=8000, type=click.IntRange(0, 65535), help="Port of the page; 0 takes any that is free.")
@ANNOTATIONS
def main(store: str, regions: int, layers: str | None, port: int, annotations: str | None) -> None:
    """Serve a page to click on: what resembles a pixel.

    The page shows regions of the feature store STORE, on this computer alone. A click on a pixel colours all pixels by
    the cosine between their hypercolumns and that of the pixel. Regions are annotated objects, or all kinds if there
    are none. Ctrl-C ends it.
    """
    # Imported here so that `--help` does not wait for pandas and OpenCV.
    from hypercolumns.exploring.pixels import PixelSimilarity, rows_to_explore
    from hypercolumns.exploring.server import PixelServer
    from hypercolumns.features.store import FeatureStore

    opened = FeatureStore.open(store, annotations)
    chosen = rows_to_explore(opened, regions)
    if not chosen:
        raise InputError(f"{store} has no regions.")
    similarity = PixelSimilarity.of_store(opened, chosen, split_names(layers))
    try:
        server = PixelServer(similarity, f"{opened.path}: {', '.join(similarity.layers)}", port)
    except OSError as error:
        raise InputError(f"The port {port} cannot be used: {error.strerror}; name another one with --port.") from None
    with server:
        click.echo(f"{server.address} shows {counted(len(chosen), 'region')}. Ctrl-C ends it.")
        server.serve_forever()
