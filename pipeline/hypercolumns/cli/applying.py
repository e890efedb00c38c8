"""Options of the commands that apply a trained model to photographs."""

import math
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hypercolumns.errors import InputError

if TYPE_CHECKING:
    from hypercolumns.segmenter.segmenter import Segmenter

PHOTOGRAPHS = click.argument("photographs", nargs=-1, required=True, type=click.Path(path_type=Path))
MODEL = click.option(
    "--model",
    default="data/model",
    type=click.Path(path_type=Path),
    help="Folder or ZIP file of the trained model, as the stage bundle writes them.",
)
BOXES = click.option(
    "--boxes",
    type=click.Path(path_type=Path),
    help="COCO results (JSON) with boxes to answer for; image_id is the name of a photograph. [default: the model's "
    "detector finds boxes]",
)
TASKS = click.option("--tasks", help="Tasks to answer, separated by commas. [default: all of the model]")
SCORE = click.option("--score", default=0.5, type=float, help="Lowest score of a box that is answered for.")
WEIGHTS = click.option(
    "--weights",
    type=click.Path(path_type=Path),
    help="File with the weights of the network. [default: where they were in training]",
)
OUT = click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")


def open_segmenter(model: Path, tasks: str | None, weights: Path | None, score: float) -> "Segmenter":
    """Open a model for the tasks that an option names."""
    # Imported here so that `--help` does not wait for torch.
    from hypercolumns.memory import keep_freed_memory
    from hypercolumns.segmenter.segmenter import Segmenter

    if math.isnan(score):
        raise InputError("--score is not a number.")
    keep_freed_memory()
    names = [name.strip() for name in tasks.split(",")] if tasks else None
    return Segmenter.open(model, tasks=names, weights=weights, minimum_score=score)
