"""Examples to learn from: which boxes of an image show what, and the growing set of those that train."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.model import AnnotationSet, Image, Instance
from hypercolumns.detection.candidate_set import CandidateSet
from hypercolumns.detection.regression import moves
from hypercolumns.errors import InputError
from hypercolumns.parameters import DetectionParameters
from hypercolumns.regions.boxes import Boxes, area, iou

BACKGROUND = -1
UNUSED = -2


def trained_categories(train: AnnotationSet) -> tuple[int, ...]:
    """Ids of the categories with an instance to learn from, in the order of the annotations.

    Raises
    ------
    InputError
        When no category has one.
    """
    seen = {i.category_id for i in train.instances if _teaches(i)}
    found = tuple(category.id for category in train.categories if category.id in seen)
    if not found:
        names = ", ".join(category.name for category in train.categories) or "none at all"
        raise InputError(
            f"detection.source is 'own', but no category ({names}) has a training instance that is neither crowd nor "
            f"difficult; annotate some, lower dataset.minimum_area, or choose detection.source file or ground_truth."
        )
    return found


def teaching(instances: Sequence[Instance]) -> list[Instance]:
    """Those of the instances that train: neither crowd nor difficult, with a box that has an area."""
    return [i for i in instances if _teaches(i)]


def assign(
    boxes: Boxes, instances: Sequence[Instance], categories: Sequence[int], settings: DetectionParameters
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """What each of the (n, 4) boxes is an example of.

    A box belongs to its best overlapping instance of `teaching(instances)` when their IoU reaches
    `settings.positive_overlap`. It is background when its IoU with every instance, ignored ones too, stays below
    `settings.negative_overlap` and less than half of it lies in a crowd.

    Returns
    -------
    labels : (n,) the position of a category in `categories`, BACKGROUND or UNUSED.
    owners : (n,) the position of the best overlapping instance in `teaching(instances)`; 0 where there is none.
    """
    labels = np.full(len(boxes), BACKGROUND, dtype=np.intp)
    owners = np.zeros(len(boxes), dtype=np.intp)
    if instances:
        labels[iou(boxes, [i.box for i in instances]).max(axis=1) >= settings.negative_overlap] = UNUSED
    # A crowd covers many objects: what lies mostly inside is no background, whatever its size.
    for crowd in (i for i in instances if i.crowd):
        labels[_share_inside(boxes, crowd.box) >= 0.5] = UNUSED
    teachers = teaching(instances)
    if teachers:
        overlaps = iou(boxes, [i.box for i in teachers])
        owners = overlaps.argmax(axis=1)
        positions = np.array([categories.index(i.category_id) for i in teachers])
        positive = overlaps.max(axis=1) >= settings.positive_overlap
        labels[positive] = positions[owners[positive]]
    return labels, owners


class Examples:
    """The growing set of training regions of an image set: their features, labels and, if positive, their moves."""

    def __init__(self, photographs: CandidateSet, categories: Sequence[int], settings: DetectionParameters) -> None:
        self._photographs = photographs
        self._categories = categories
        self._settings = settings
        self._features: list[NDArray[np.float32]] = []
        self._labels: list[NDArray[np.intp]] = []
        self._moves: list[NDArray[np.float64]] = []
        self._rows: dict[int, NDArray[np.intp]] = {}

    def boxes(self, image: Image) -> Boxes:
        """Boxes of the instances that teach, then the candidates."""
        return np.concatenate([_boxes(self._teaching(image)), self._photographs.boxes(image)])

    def positive(self, image: Image) -> NDArray[np.intp]:
        """Rows of the image's boxes that show an object."""
        return np.flatnonzero(self._assign(image)[0] >= 0)

    def background(self, image: Image) -> NDArray[np.intp]:
        """Rows of the image's boxes that are background and no examples yet."""
        rows = np.flatnonzero(self._assign(image)[0] == BACKGROUND)
        return np.setdiff1d(rows, self._rows.get(image.id, rows[:0]))

    def add(self, image: Image, rows: NDArray[np.intp]) -> None:
        """Make these rows of the image's boxes examples."""
        boxes = self.boxes(image)[rows]
        labels, owners = (values[rows] for values in self._assign(image))
        wanted = np.full((len(rows), 4), np.nan)
        positive = labels >= 0
        if positive.any():
            wanted[positive] = moves(boxes[positive], _boxes(self._teaching(image))[owners[positive]])
        self._features.append(self._photographs.describe(image, boxes))
        self._labels.append(np.where(positive, labels, len(self._categories)))
        self._moves.append(wanted)
        self._rows[image.id] = np.concatenate([self._rows.get(image.id, rows[:0]), rows])

    def arrays(self) -> tuple[NDArray[np.float32], NDArray[np.intp], NDArray[np.float64]]:
        """Features (n, dimensions), labels (n,), the background last, and moves (n, 4), nan for background."""
        self._features = [np.concatenate(self._features)]  # the parts need not stay beside the whole
        self._labels = [np.concatenate(self._labels)]
        self._moves = [np.concatenate(self._moves)]
        return self._features[0], self._labels[0], self._moves[0]

    def _assign(self, image: Image) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        instances = self._photographs.annotations.instances_by_image[image.id]
        return assign(self.boxes(image), instances, self._categories, self._settings)

    def _teaching(self, image: Image) -> list[Instance]:
        return teaching(self._photographs.annotations.instances_by_image[image.id])


def _boxes(instances: Sequence[Instance]) -> Boxes:
    return np.array([i.box for i in instances], dtype=np.float64).reshape(-1, 4)


def _teaches(instance: Instance) -> bool:
    return not instance.ignore and bool(area(instance.box) > 0)


def _share_inside(boxes: Boxes, box: Sequence[float]) -> NDArray[np.float64]:
    """The share of the area of each of the (n, 4) boxes that lies inside of `box`."""
    cut = np.column_stack([np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, 2:], box[2:])])
    whole = area(boxes)
    return np.divide(area(cut), whole, out=np.zeros_like(whole), where=whole > 0)
