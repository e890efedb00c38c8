"""`hypercolumns segment`: apply a trained model to photographs."""

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
@click.option("--pictures/--no-pictures", default=True, help="Whether to write overlays and images of labels.")
def main(
    segmenter: "Segmenter", photographs: tuple[Path, ...], boxes: Path | None, out: Path, pictures: bool
) -> Mapping[str, str]:
    """Find objects in photographs with a trained model.

    They come with their masks, keypoints and parts.

    PHOTOGRAPHS are files, or folders whose photographs are all taken. OUT gets

    \b
    overlays/NAME.jpg      the photograph with what was found
    labels/NAME.png        for each pixel the number of its object, 0 for none
    predictions/TASK.json  COCO results of a task
    photographs.json       COCO file of the photographs, for `hypercolumns results --annotations`
    answers.json           everything, by photograph

    A photograph that cannot be read is named and left out; the exit code is 1 then. After an interruption the same
    command goes on where it was.
    """  # noqa: D301
    # Imported here so that `--help` does not wait for torch.
    from hypercolumns.segmenter.folder_run import segment_files

    summary = segment_files(segmenter, photographs, out, boxes=boxes, pictures=pictures)
    click.echo(f"{click.format_filename(out)}: {count_objects(summary, segmenter)}")
    return summary.failed
