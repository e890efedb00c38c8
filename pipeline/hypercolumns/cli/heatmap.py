"""`hypercolumns heatmap`: the probabilities behind the answers."""

from pathlib import Path

import click

from hypercolumns.cli.applying import BOXES, MODEL, OUT, PHOTOGRAPHS, SCORE, TASKS, WEIGHTS, open_segmenter
from hypercolumns.cli.command import command


@command
@PHOTOGRAPHS
@MODEL
@BOXES
@TASKS
@SCORE
@WEIGHTS
@OUT
def main(
    photographs: tuple[Path, ...],
    model: Path,
    boxes: Path | None,
    tasks: str | None,
    score: float,
    weights: Path | None,
    out: Path,
) -> None:
    """Write the heat maps of the objects in photographs: for each task the probability of every target.

    For each photograph NAME, OUT gets `NAME/TASK.npz` with the heat maps over each expanded box, and pictures
    `NAME/TASK-TARGET.jpg` of the largest probability at every pixel.
    """
    # Imported here so that `--help` does not wait for torch.
    from hypercolumns.segmenter.folder_run import heat_of_files

    segmenter = open_segmenter(model, tasks, weights, score)
    failed = heat_of_files(segmenter, photographs, out, boxes=boxes)
    if failed:
        click.echo(f"Left out: {', '.join(failed)}", err=True)
        raise SystemExit(1)
