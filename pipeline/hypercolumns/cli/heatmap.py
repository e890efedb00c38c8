"""`hypercolumns heatmap`: the probabilities behind the answers."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hypercolumns.cli.applying import applies_a_model, count_objects
from hypercolumns.cli.command import command

if TYPE_CHECKING:
    from hypercolumns.segmenter.segmenter import Segmenter


@command
@applies_a_model
def main(segmenter: "Segmenter", photographs: tuple[Path, ...], boxes: Path | None, out: Path) -> Mapping[str, str]:
    """Write the heat maps of the objects in photographs.

    They are the probabilities of every target of each task.

    For each photograph NAME, OUT gets `NAME/TASK.npz` and pictures `NAME/TASK-TARGET.jpg` of the largest probability at
    every pixel, for the targets that the objects have. The arrays of an .npz file, for n objects, are

    \b
    heat            (n, target, S, S) probabilities at S x S locations of expanded_boxes
    targets         names of the targets
    boxes           (n, 4) x0, y0, x1, y1 in pixels
    expanded_boxes  (n, 4) the boxes that the heat maps cover; may extend beyond the photograph
    scores          (n) scores of the boxes, the best first
    categories      (n) ids of the categories
    names           (n) names of the categories
    """  # noqa: D301
    # Imported here so that `--help` does not wait for torch.
    from hypercolumns.segmenter.folder_run import heat_of_files

    summary = heat_of_files(segmenter, photographs, out, boxes=boxes)
    click.echo(f"{click.format_filename(out)}: heat maps of {count_objects(summary, segmenter)}")
    return summary.failed
