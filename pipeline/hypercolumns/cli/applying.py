"""Options of the commands that apply a trained model to photographs."""

import functools
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import hypercolumns
from hypercolumns.cli.options import split_names
from hypercolumns.errors import InputError, counted

if TYPE_CHECKING:
    from hypercolumns.segmenter.folder_run import Summary
    from hypercolumns.segmenter.segmenter import Segmenter

_PHOTOGRAPHS = click.argument("photographs", nargs=-1, required=True, type=click.Path(path_type=Path))
MODEL = click.option(
    "--model",
    default="data/model",
    type=click.Path(path_type=Path),
    help="Folder or ZIP file of the trained model, as the stage bundle writes them.",
)
_BOXES = click.option(
    "--boxes",
    type=click.Path(path_type=Path),
    help="COCO results (JSON) with boxes to answer for; image_id is the name of a photograph. [default: the model's "
    "detector finds boxes]",
)
_TASKS = click.option("--tasks", help="Tasks to answer, separated by commas. [default: all of the model]")
_SCORE = click.option("--score", default=0.5, type=float, help="Boxes of lower score are left out.")
WEIGHTS = click.option(
    "--weights",
    type=click.Path(path_type=Path),
    help="File with the weights of the network. [default: where they were in training]",
)
_OUT = click.option("-o", "--out", required=True, type=click.Path(path_type=Path), help="Folder to write.")


def applies_a_model(function: Callable[..., Mapping[str, str]]) -> Callable[..., None]:
    """Make the body of a command from a function that applies a model to photographs.

    Parameters
    ----------
    function
        Gets `segmenter`, `photographs`, `boxes`, `out` and its own options; returns the reason by name of each
        photograph that it left out. If there is one, the exit code is 1.
    """

    @functools.wraps(function)
    def run(model: Path, tasks: str | None, score: float, weights: Path | None, **options: Any) -> None:
        failed = function(segmenter=open_segmenter(model, tasks, weights, score), **options)
        if failed:
            click.echo(f"Left out: {', '.join(failed)}", err=True)
            raise SystemExit(1)

    for option in (_OUT, WEIGHTS, _SCORE, _TASKS, _BOXES, MODEL, _PHOTOGRAPHS):
        run = option(run)
    return run


def count_objects(summary: "Summary", segmenter: "Segmenter") -> str:
    """Word how many objects were found in how many photographs, with a hint at `--score` if there are none."""
    found = f"{counted(summary.objects, 'object')} in {counted(summary.photographs, 'photograph')}"
    if summary.objects:
        return found
    limit = f"{segmenter.minimum_score:g}"
    return f"{found}; no box has a score of {limit} or more, --score sets how sure one must be"


def open_segmenter(model: Path, tasks: str | None, weights: Path | None, score: float) -> "Segmenter":
    """Open a model for the tasks that an option names."""
    # Imported here so that `--help` does not wait for torch.
    from hypercolumns.memory import keep_freed_memory

    try:
        create = hypercolumns.Segmenter.open
    except ModuleNotFoundError as error:
        raise InputError(f"{error}.") from None

    if math.isnan(score):
        raise InputError("--score is not a number.")
    keep_freed_memory()
    names = split_names(tasks)
    return create(model, tasks=names, weights=weights, minimum_score=score)
