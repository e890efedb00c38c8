"""Results as labels of Ultralytics YOLO: a text file per photograph, and `data.yaml`."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import numpy as np
import yaml

from hypercolumns.results.file_names import copy_photographs, require_different, stem
from hypercolumns.results.options import Options
from hypercolumns.results.polygons import join, polygons
from hypercolumns.results.predictions import Prediction, Predictions

_SUBSET = "train"


def write(predictions: Predictions, out: Path, options: Options) -> None:
    """Write labels to train a pose model where there are keypoints, a segmentation model where there are masks.

    A line has one polygon. Components of a mask are joined by lines that go there and back, as Ultralytics joins those
    of COCO; they enclose nothing.

    Raises
    ------
    InputError
        If two photographs differ in their suffix only, or one that is to be copied is missing.
    """
    stems = {image.id: stem(image) for image in predictions.images}
    require_different(predictions.images, stems)
    names = {image.id: PurePosixPath("images", _SUBSET, image.file_name).as_posix() for image in predictions.images}
    numbers = {category.id: number for number, category in enumerate(predictions.categories)}
    n_keypoints = max(len(category.keypoints) for category in predictions.categories)
    for image in predictions.images:
        lines = []
        for prediction in predictions.by_image[image.id]:
            values = _values(prediction, options, n_keypoints, is_pose=predictions.have_keypoints)
            lines.append(" ".join([str(numbers[prediction.category.id]), *(f"{value:.6g}" for value in values)]))
        path = out / f"labels/{_SUBSET}/{stems[image.id]}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    # Without `path`, folders are relative to this file.
    content: dict[str, object] = {"train": f"images/{_SUBSET}", "val": f"images/{_SUBSET}"}
    if predictions.have_keypoints:
        content["kpt_shape"] = [n_keypoints, 3]
    content["names"] = {numbers[category.id]: category.name for category in predictions.categories}
    (out / "data.yaml").write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    if options.photographs is not None:
        copy_photographs(options.photographs, predictions.images, out, names)


def _values(prediction: Prediction, options: Options, n_keypoints: int, *, is_pose: bool) -> Iterable[float]:
    """Values after the number of the category in a line; coordinates are shares of the photograph's sides."""
    size = np.array([prediction.image.width, prediction.image.height], dtype=np.float64)
    if prediction.mask is not None and not is_pose:
        polygon = join(polygons(prediction.mask, options.tolerance))
        return (polygon / size).ravel().tolist()
    corners = np.reshape(prediction.shown_box, (2, 2)) / size
    box = [*corners.mean(axis=0).tolist(), *(corners[1] - corners[0]).tolist()]
    if not is_pose:
        return box
    keypoints = np.zeros((n_keypoints, 3))  # a pose model has as many for every category
    labelled = np.reshape(prediction.labelled_keypoints(options.keypoint_score), (-1, 3))
    keypoints[: len(labelled)] = labelled / [*size, 1]
    return [*box, *keypoints.ravel().tolist()]
