"""`hypercolumns show`: one picture of a row of a feature store."""

from pathlib import Path

import click

from hypercolumns.cli.command import command
from hypercolumns.cli.options import ANNOTATIONS
from hypercolumns.errors import InputError, choices

_KINDS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}


@command
@click.argument("store", type=click.Path())
@click.argument("row", type=int)
@click.option(
    "-o", "--out", type=click.Path(path_type=Path), help="PNG or JPEG file to write. [default: STORE-ROW.png]"
)
@click.option(
    "--model",
    type=click.Path(),
    help="Trained grids of a task, whose heat is drawn. [default: data/models/segmentation.zarr beside data/features, "
    "if it is there and fits]",
)
@click.option("--target", help="Target of the model whose heat is drawn. [default: its first]")
@ANNOTATIONS
def main(
    store: str, row: int, out: Path | None, model: str | None, target: str | None, annotations: str | None
) -> None:
    """Draw what the layers saw of a region.

    STORE is a feature store such as data/features/val.zarr. ROW counts from 0; `-- -1` is the last one.

    The picture has the photograph with the box, the crop that the network saw, every layer with its three principal
    components in red, green and blue, and the heat map of a trained model. Colours are comparable between the rows of a
    store, not between layers.
    """
    # Imported here so that `--help` does not wait for pandas and OpenCV.
    from PIL import Image

    from hypercolumns.exploring.row_sheet import draw_row, model_beside
    from hypercolumns.features.store import FeatureStore
    from hypercolumns.grid.model import GridModel
    from hypercolumns.places.atomic import atomic_write

    kind = _KINDS.get((out or Path("x.png")).suffix.lower())
    if kind is None:
        raise InputError(f"{out} would be a picture of an unknown kind; end its name with {choices(_KINDS)}.")
    opened = FeatureStore.open(store, annotations)
    grids = model_beside(opened, row) if model is None else GridModel.open(model)
    if grids is None and target is not None:
        raise InputError("--target needs a model: name its grids with --model.")
    picture = draw_row(opened, row, grids, target)
    path = out or Path(f"{Path(store).stem}-{opened.row_number(row)}.png")
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as stream:
        Image.fromarray(picture).save(stream, kind, quality=90)  # PNG has no quality
    click.echo(f"{click.format_filename(path)}: {picture.shape[1]} x {picture.shape[0]} pixels")
