"""`hypercolumns heatmap`: the probabilities behind the answers."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hypercolumns.cli.applying import applies_a_model
from hypercolumns.cli.command import command

if TYPE_CHECKING:
    from hypercolumns.segmenter.segmenter import Segmenter


@command
@applies_a_model
def main(segmenter: "Segmenter", photographs: tuple[Path, ...], boxes: Path | None, out: Path) -> Mapping[str, str]:
    """Write the heat maps of the objects in photographs: for each task the probability of every target.

    For each photograph NAME, OUT gets `NAME/TASK.npz` with the heat maps over each expanded box, and pictures
    `NAME/TASK-TARGET.jpg` of the largest probability at every pixel.
    """
    # Imported here so that `--help` does not wait for torch.
    from hypercolumns.segmenter.folder_run import heat_of_files

    return heat_of_files(segmenter, photographs, out, boxes=boxes)
