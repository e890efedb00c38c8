"""Training examples of the detector: labels of boxes, and the growing set of boxes that are trained on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.model import AnnotationSet, Image, Instance
from hypercolumns.detection.candidate_set import CandidateSet
from hypercolumns.detection.linear_models import encode_moves
from hypercolumns.errors import InputError
from hypercolumns.parameters import DetectionParameters
from hypercolumns.regions.boxes import Boxes, area, iou

BACKGROUND = -1
"""Label of a box that shows no object."""

UNUSED = -2
"""Label of a box that is neither a positive nor a negative example."""

ExampleArrays = tuple[NDArray[np.float32], NDArray[np.intp], NDArray[np.float64]]
"""Features (n, dimensions); labels (n,), the index of a category or, for background, the number of categories; and
moves (n, 4), NaN for background."""


def trained_categories(train: AnnotationSet) -> tuple[int, ...]:
    """Ids of the categories that have a training instance, in the order of the annotations.

    Raises
    ------
    InputError
        When no category has a training instance.
    """
    present = {i.category_id for i in training_instances(train.instances)}
    trained = tuple(category.id for category in train.categories if category.id in present)
    if not trained:
        names = ", ".join(category.name for category in train.categories) or "none at all"
        raise InputError(
            f"detection.source is 'own', but no category ({names}) has a training instance that is neither crowd nor "
            "difficult; annotate some, lower dataset.minimum_area, or set detection.source to 'file' or 'ground_truth'."
        )
    return trained


def training_instances(instances: Sequence[Instance]) -> list[Instance]:
    """Select the instances to train on: neither crowd nor difficult, with a box that has an area."""
    return [i for i in instances if not i.ignore and area(i.box) > 0]


def label_boxes(
    boxes: Boxes,
    instances: Sequence[Instance],
    categories: Sequence[int],
    *,
    positive_overlap: float,
    negative_overlap: float,
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Label each of the boxes (n, 4) by the instances that it overlaps. After R-CNN.

    A box is a positive example of the training instance that it overlaps best when their IoU reaches
    `positive_overlap`. It is background when its IoU with every instance, including those not trained on, stays below
    `negative_overlap` and less than half of it lies in a crowd.

    Returns
    -------
    Labels (n,), each the index of a category in `categories`, BACKGROUND or UNUSED; and the index (n,) of the best
    overlapping instance in `training_instances(instances)`, 0 if that is empty.
    """
    labels = np.full(len(boxes), BACKGROUND, dtype=np.intp)
    matches = np.zeros(len(boxes), dtype=np.intp)
    labels[(iou(boxes, [i.box for i in instances]) >= negative_overlap).any(axis=1)] = UNUSED
    # A crowd covers many objects, so a box mostly inside it is not background even if its IoU is low.
    for crowd in (i for i in instances if i.crowd):
        labels[_share_inside(boxes, crowd.box) >= 0.5] = UNUSED
    trained = training_instances(instances)
    if trained:
        overlaps = iou(boxes, [i.box for i in trained])
        matches = overlaps.argmax(axis=1)
        category_indices = np.array([categories.index(i.category_id) for i in trained])
        positive = overlaps.max(axis=1) >= positive_overlap
        labels[positive] = category_indices[matches[positive]]
    return labels, matches


@dataclass(frozen=True)
class LabelledBoxes:
    """Boxes of an image: those of its training instances, then candidates."""

    image: Image
    boxes: Boxes
    """(n, 4)"""
    labels: NDArray[np.intp]
    """(n,) as `label_boxes` returns them, but UNUSED for boxes that are examples already."""
    objects: Boxes
    """(n, 4) boxes of the best overlapping training instances; NaN if there are none."""

    def only(self, rows: NDArray[np.intp]) -> "LabelledBoxes":
        """Select some of the boxes."""
        return LabelledBoxes(self.image, self.boxes[rows], self.labels[rows], self.objects[rows])

    @property
    def positive(self) -> NDArray[np.intp]:
        """Rows of the boxes that are positive examples."""
        return np.flatnonzero(self.labels >= 0)

    @property
    def background(self) -> NDArray[np.intp]:
        """Rows of the boxes that are background."""
        return np.flatnonzero(self.labels == BACKGROUND)

    def targets(self, rows: NDArray[np.intp], background: int) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        """Labels and moves of these rows as in `ExampleArrays`; `background` is the label of background."""
        labels = self.labels[rows]
        moves = np.full((len(rows), 4), np.nan)
        positive = labels >= 0
        if positive.any():
            moves[positive] = encode_moves(self.boxes[rows][positive], self.objects[rows][positive])
        return np.where(positive, labels, background), moves


class Examples:
    """The growing set of training examples: features, labels and, of positive examples, moves to their objects.

    Parameters
    ----------
    candidate_set
        The images that examples come from.
    categories
        Ids of the categories to train.
    settings
        The overlaps that decide about labels; see `label_boxes`.
    """

    def __init__(self, candidate_set: CandidateSet, categories: Sequence[int], settings: DetectionParameters) -> None:
        self._candidate_set = candidate_set
        self._categories = categories
        self._settings = settings
        self._parts: list[ExampleArrays] = []
        self._rows: dict[int, NDArray[np.intp]] = {}

    def boxes(self, image: Image) -> LabelledBoxes:
        """Label the boxes of an image that are not yet in the set."""
        instances = self._candidate_set.annotations.instances_by_image[image.id]
        trained = np.array([i.box for i in training_instances(instances)], dtype=np.float64).reshape(-1, 4)
        boxes = np.concatenate([trained, self._candidate_set.boxes(image)])
        labels, matches = label_boxes(
            boxes,
            instances,
            self._categories,
            positive_overlap=self._settings.positive_overlap,
            negative_overlap=self._settings.negative_overlap,
        )
        objects = trained[matches] if len(trained) else np.full_like(boxes, np.nan)
        labels[self._rows.get(image.id, np.array([], dtype=np.intp))] = UNUSED
        return LabelledBoxes(image, boxes, labels, objects)

    def add(self, boxes: LabelledBoxes, rows: NDArray[np.intp], features: NDArray[np.float32]) -> None:
        """Add these rows of the boxes of an image to the set, with their features (rows, dimensions)."""
        self._parts.append((features, *boxes.targets(rows, len(self._categories))))
        earlier = self._rows.get(boxes.image.id, rows[:0])
        self._rows[boxes.image.id] = np.concatenate([earlier, rows])

    def arrays(self) -> ExampleArrays:
        """Join all examples."""
        if len(self._parts) > 1:
            features, labels, moves = zip(*self._parts, strict=True)
            # Replaces the parts, so that only one copy stays in memory.
            self._parts = [(np.concatenate(features), np.concatenate(labels), np.concatenate(moves))]
        return self._parts[0]


def _share_inside(boxes: Boxes, box: Sequence[float]) -> NDArray[np.float64]:
    """Share (n,) of the area of each of the boxes (n, 4) that lies inside `box`."""
    intersection = np.column_stack([np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, 2:], box[2:])])
    areas = area(boxes)
    return np.divide(area(intersection), areas, out=np.zeros_like(areas), where=areas > 0)
