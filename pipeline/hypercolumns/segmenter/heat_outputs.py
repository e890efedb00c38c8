"""Files that `hypercolumns heatmap` writes for a photograph: probabilities as arrays, and pictures of them."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hypercolumns.drawing.heat import draw_heat
from hypercolumns.places.atomic import atomic_write
from hypercolumns.segmenter.answers import Answers
from hypercolumns.segmenter.outputs import save_jpeg
from hypercolumns.tasks.pasting import paste


def write_heat(answers: Answers, task: str, out: Path) -> None:
    """Write `NAME/TASK.npz` with the heat maps of all boxes, and `NAME/TASK-TARGET.jpg` for each target of an object.

    The arrays are `heat` (n, target, size, size) float32 probabilities, `targets`, and for each box `boxes` and
    `expanded_boxes` (n, 4), which heat maps cover, `scores`, `categories` (ids) and `names`. A picture shows the
    largest probability of all boxes over the photograph in grey; targets that are 0 everywhere, since no category of
    the objects has them, have none.
    """
    folder = out / Path(answers.image.file_name).with_suffix("")
    folder.mkdir(parents=True, exist_ok=True)
    heat, targets = answers.heat[task], answers.targets[task]
    with atomic_write(folder / f"{task}.npz") as stream:
        np.savez_compressed(
            stream,
            heat=heat,
            targets=np.array(targets),
            boxes=answers.boxes,
            expanded_boxes=answers.expanded_boxes,
            scores=answers.scores,
            categories=answers.categories,
            names=np.array(answers.names),
        )
    for number, target in enumerate(targets):
        if not heat[:, number].any():
            continue
        picture = draw_heat(answers.photograph, _over_photograph(answers, heat[:, number]))
        safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in target)
        save_jpeg(folder / f"{task}-{safe}.jpg", picture)


def _over_photograph(answers: Answers, heat: NDArray[np.float32]) -> NDArray[np.float32]:
    """Largest probability of (n, size, size) heat maps at every pixel (height, width); 0 outside of all boxes."""
    height, width = answers.photograph.shape[:2]
    largest = np.zeros((height, width), dtype=np.float32)
    for of_box, box in zip(heat, answers.expanded_boxes, strict=True):
        patch = paste(of_box, box, width, height)
        np.maximum(largest[patch.window], patch.values, out=largest[patch.window])
    return largest
