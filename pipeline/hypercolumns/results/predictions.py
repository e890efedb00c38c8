"""Results of a file, checked against the photographs and categories of an annotation file, by photograph."""

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from hypercolumns.annotations import masks
from hypercolumns.annotations.bad_items import BadItems
from hypercolumns.annotations.coco.file import CocoFile
from hypercolumns.annotations.masks import RLE
from hypercolumns.annotations.model import Category, Image, Part
from hypercolumns.annotations.result_fields import BOX, KEYPOINTS, MASK, PARTS, is_finite
from hypercolumns.annotations.results import read_entries
from hypercolumns.errors import InputError, choices, counted
from hypercolumns.input_files import LONGEST_NAME, is_inside
from hypercolumns.parameters import DatasetParameters

logger = logging.getLogger(__name__)

_FIELDS = (BOX, MASK, KEYPOINTS, PARTS)

_VISIBLE = 2.0

Box = tuple[float, float, float, float]
"""x0, y0, x1, y1 in pixels, end-exclusive."""


@dataclass(frozen=True)
class Prediction:
    """An object that was found in a photograph."""

    image: Image
    category: Category
    score: float
    box: Box
    """The detected box; where the results have none, the box around the mask or the keypoints."""
    mask: RLE | None = None
    keypoints: tuple[float, ...] = ()
    """x, y and score of every keypoint of the category, or empty."""
    parts: tuple[Part, ...] = ()

    @property
    def shown_box(self) -> Box:
        """Tight box of the mask or, without one, the part of the box that is in the photograph."""
        if self.mask is not None:
            return masks.box(self.mask)
        x0, y0, x1, y1 = self.box
        width, height = self.image.width, self.image.height
        return max(x0, 0.0), max(y0, 0.0), min(x1, float(width)), min(y1, float(height))

    def labelled_keypoints(self, minimum_score: float) -> tuple[float, ...]:
        """Keypoints as COCO annotates them: x, y and visibility of each.

        Those with a smaller score, or outside the photograph, are 0, 0, 0: not labelled.
        """
        flat: list[float] = []
        for x, y, score in zip(self.keypoints[::3], self.keypoints[1::3], self.keypoints[2::3], strict=True):
            is_labelled = score >= minimum_score and 0 <= x <= self.image.width and 0 <= y <= self.image.height
            flat += [x, y, _VISIBLE] if is_labelled else [0.0, 0.0, 0.0]
        return tuple(flat)


@dataclass(frozen=True)
class Predictions:
    """Photographs, categories, and what was found."""

    images: tuple[Image, ...]
    categories: tuple[Category, ...]
    by_image: Mapping[int, tuple[Prediction, ...]]
    """For the id of every photograph what was found in it, the best first."""

    @property
    def have_masks(self) -> bool:
        """Whether any prediction has a mask."""
        return any(prediction.mask is not None for found in self.by_image.values() for prediction in found)

    @property
    def have_keypoints(self) -> bool:
        """Whether any prediction has keypoints."""
        return any(prediction.keypoints for found in self.by_image.values() for prediction in found)


def read_predictions(results: Path, annotations: Path, minimum_score: float) -> Predictions:
    """Read COCO results and the photographs and categories that they are about.

    Results with an empty mask are left out, and their number is logged.

    Parameters
    ----------
    results
        JSON: a list of COCO results, each with a score and with a box, a mask or keypoints.
    annotations
        A COCO file with `images` and `categories`; its annotations are not used.
    minimum_score
        Lowest score that is kept.

    Raises
    ------
    InputError
        If a file is missing or malformed, a result does not fit its photograph or category, a photograph has a name
        that leads out of its folder or that not every system can have, or no result has the lowest score.
    """
    images, categories = _read_images(annotations)
    image_by_id, category_by_id = {i.id: i for i in images}, {c.id: c for c in categories}
    found: dict[int, list[Prediction]] = defaultdict(list)
    counts: Counter[str] = Counter()
    highest = None
    for number, entry in enumerate(read_entries(results)):
        problem = _problem(entry, image_by_id, category_by_id, annotations)
        if problem is not None:
            raise InputError(f"{results}, entry {number}: {problem}.")
        highest = max(entry["score"], highest) if highest is not None else entry["score"]
        if entry["score"] < minimum_score:
            continue
        image = image_by_id[entry["image_id"]]
        prediction = _prediction(entry, image, category_by_id[entry["category_id"]])
        if prediction.mask is not None and masks.area(prediction.mask) == 0:
            counts["empty"] += 1
        else:
            found[image.id].append(prediction)
    if highest is not None and highest < minimum_score:
        raise InputError(
            f"No result of {results} has a score of {minimum_score:g} or more; the highest is {highest:g}. Choose a "
            "lower --score."
        )
    if counts["empty"]:
        logger.warning("%s with an empty mask left out", counted(counts["empty"], "result"))
    by_image = {i.id: tuple(sorted(found[i.id], key=lambda p: -p.score)) for i in images}
    return Predictions(images, categories, by_image)


def _read_images(path: Path) -> tuple[tuple[Image, ...], tuple[Category, ...]]:
    file = CocoFile.open(path, BadItems(skip=False, tasks=()), DatasetParameters().maximum_pixels, _with_safe_name)
    if not file.categories:
        raise InputError(f"{path} lists no categories, which the results refer to.")
    return tuple(file.images.values()), tuple(file.categories.values())


def _with_safe_name(image: Image) -> Image:
    """Give an image the plain form of its file name, below the folder of photographs.

    Raises
    ------
    InputError
        If the name leads out of the folder, is longer than systems allow or has control characters, or the image has
        no size.
    """
    name = PurePosixPath(image.file_name.replace("\\", "/")).as_posix()
    if not is_inside(name) or name == ".":
        raise InputError(
            f"{image.origin} has the file name {image.file_name!r}, which is not a relative path that stays inside "
            "its folder."
        )
    if any(len(part.encode("utf-8", "surrogatepass")) > LONGEST_NAME for part in name.split("/")):
        raise InputError(f"{image.origin} has a file name of {len(name)} characters, which no file system allows.")
    if not name.isprintable():
        raise InputError(f"{image.origin} has the file name {name!r}, which has characters that cannot be printed.")
    if not image.width * image.height:
        raise InputError(f"{image.origin} has no width and height, which results are checked with.")
    return replace(image, file_name=name)


def _problem(
    entry: Any, images: Mapping[int, Image], categories: Mapping[int, Category], annotations: Path
) -> str | None:
    """Explain what is wrong with a result; None if it is valid."""
    if not isinstance(entry, dict):
        return f"a result must be an object, not {entry!r}"
    for key, known in (("image_id", images), ("category_id", categories)):
        value = entry.get(key)
        if type(value) is not int:  # `isinstance` would accept true and false
            return f"{key} is {value!r}, not an integer"
        if value not in known:
            return f"{key} {value} is not among the {len(known)} of {annotations}"
    if not is_finite(entry.get("score")):
        return f"score is {entry.get('score')!r}, not a finite number"
    fields = [field for field in _FIELDS if field.name in entry]
    if not fields or fields == [PARTS]:
        return f"a result needs one of {choices(field.name for field in _FIELDS if field is not PARTS)}"
    image, category = images[entry["image_id"]], categories[entry["category_id"]]
    problems = (field.problem(entry[field.name], category, image) for field in fields)
    return next((problem for problem in problems if problem is not None), None)


def _prediction(entry: Mapping[str, Any], image: Image, category: Category) -> Prediction:
    mask = entry.get("segmentation")
    keypoints = tuple(entry.get("keypoints", ()))
    parts = tuple(Part(part["name"], part["segmentation"]) for part in entry.get("parts", ()))
    return Prediction(image, category, entry["score"], _box(entry, mask, keypoints), mask, keypoints, parts)


def _box(entry: Mapping[str, Any], mask: RLE | None, keypoints: tuple[float, ...]) -> Box:
    if "bbox" in entry:
        x, y, width, height = entry["bbox"]
        return x, y, x + width, y + height
    if mask is not None:
        return masks.box(mask)
    points = np.reshape(keypoints, (-1, 3))[:, :2]
    if not len(points):
        return 0.0, 0.0, 0.0, 0.0
    (x0, y0), (x1, y1) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return x0, y0, x1, y1
