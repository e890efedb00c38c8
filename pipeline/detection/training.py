"""Training of the region classifiers: which candidates are examples of what, and rounds of hard negatives."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from pipeline.annotations.model import AnnotationSet, Image, Instance
from pipeline.detection.classifiers import LinearClassifiers, fit
from pipeline.errors import InputError
from pipeline.parameters import DetectionParameters
from pipeline.regions.boxes import Boxes, area, iou

BACKGROUND = -1
UNUSED = -2


@dataclass(frozen=True)
class Photographs:
    """An image set as the detector sees it.

    Attributes
    ----------
    name
        For progress bars.
    annotations
        The images and, for training, their instances.
    candidates
        (n, 4) boxes of an image, by its id.
    describe
        Features (n, dimensions) of any (n, 4) boxes of an image.
    """

    name: str
    annotations: AnnotationSet
    candidates: Callable[[int], ArrayLike]
    describe: Callable[[Image, Boxes], NDArray[np.float32]]

    def boxes(self, image: Image) -> Boxes:
        """The candidates (n, 4) of an image as float64."""
        return np.asarray(self.candidates(image.id), dtype=np.float64).reshape(-1, 4)

    def each(self, doing: str) -> Iterable[Image]:
        """The images, with a progress bar."""
        return tqdm(self.annotations.images, desc=f"{doing} in {self.name}", unit="photo")


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


def assign(
    boxes: Boxes, instances: Sequence[Instance], categories: Sequence[int], settings: DetectionParameters
) -> NDArray[np.intp]:
    """What each of the (n, 4) boxes is an example of: the position of a category, BACKGROUND or UNUSED.

    A box belongs to its best overlapping instance that counts when their IoU reaches `settings.positive_overlap`. It is
    background when its IoU with every instance, ignored ones too, stays below `settings.negative_overlap`.
    """
    labels = np.full(len(boxes), BACKGROUND, dtype=np.intp)
    if not instances:
        return labels
    overlaps = iou(boxes, [i.box for i in instances])
    labels[overlaps.max(axis=1) >= settings.negative_overlap] = UNUSED
    # A crowd covers many objects: what lies mostly inside is no background, whatever its size.
    for crowd in (i for i in instances if i.crowd):
        labels[_share_inside(boxes, crowd.box) >= 0.5] = UNUSED
    teaching = [k for k, i in enumerate(instances) if _teaches(i)]
    if teaching:
        best = overlaps[:, teaching].argmax(axis=1)
        positions = np.array([categories.index(instances[k].category_id) for k in teaching])
        positive = overlaps[:, teaching].max(axis=1) >= settings.positive_overlap
        labels[positive] = positions[best[positive]]
    return labels


def train(
    photographs: Photographs, categories: Sequence[int], settings: DetectionParameters, rng: np.random.Generator
) -> LinearClassifiers:
    """Classifiers of `categories` (ids, see `trained_categories`) from instances and candidates.

    Every image gives the same number of regions: up to half of them positive, the rest background drawn at random and,
    in later rounds, background that the classifiers of the round before like best. Memory is that of
    `settings.training_regions` regions, whatever the number of images.
    """
    images = photographs.annotations.images
    share = max(4, settings.training_regions // len(images))
    rounds = settings.hard_negative_rounds
    random = share // 4 if rounds else share // 2
    hard = share // (4 * rounds) if rounds else 0
    examples = _Examples(photographs, categories, settings)
    for image in photographs.each("collecting examples"):
        labels = examples.labels(image)
        positive = _some(np.flatnonzero(labels >= 0), share // 2, rng)
        negative = _some(np.flatnonzero(labels == BACKGROUND), random, rng)
        examples.add(image, np.concatenate([positive, negative]))
    classifiers = examples.fit(None)
    for _ in range(rounds):
        for image in photographs.each("looking for hard negatives"):
            rows = examples.unused_background(image)
            features = photographs.describe(image, examples.boxes(image)[rows])
            likeness = classifiers.probabilities(features).sum(axis=1)
            examples.add(image, rows[np.argsort(-likeness, kind="stable")[:hard]])
        classifiers = examples.fit(classifiers)
    return classifiers


class _Examples:
    """The growing set of training regions: their features and labels, and which regions they are."""

    def __init__(self, photographs: Photographs, categories: Sequence[int], settings: DetectionParameters) -> None:
        self._photographs = photographs
        self._categories = categories
        self._settings = settings
        self._features: list[NDArray[np.float32]] = []
        self._labels: list[NDArray[np.intp]] = []
        self._rows: dict[int, NDArray[np.intp]] = {}

    def boxes(self, image: Image) -> Boxes:
        """Boxes of the instances that teach, then the candidates."""
        own = [i.box for i in self._photographs.annotations.instances_by_image[image.id] if _teaches(i)]
        return np.concatenate([np.array(own, dtype=np.float64).reshape(-1, 4), self._photographs.boxes(image)])

    def labels(self, image: Image) -> NDArray[np.intp]:
        """What each of the image's boxes is an example of, see `assign`."""
        instances = self._photographs.annotations.instances_by_image[image.id]
        return assign(self.boxes(image), instances, self._categories, self._settings)

    def unused_background(self, image: Image) -> NDArray[np.intp]:
        """Rows of the image's boxes that are background and no examples yet."""
        return np.setdiff1d(np.flatnonzero(self.labels(image) == BACKGROUND), self._rows[image.id])

    def add(self, image: Image, rows: NDArray[np.intp]) -> None:
        """Make these rows of the image's boxes examples."""
        labels = self.labels(image)[rows]
        self._features.append(self._photographs.describe(image, self.boxes(image)[rows]))
        self._labels.append(np.where(labels == BACKGROUND, len(self._categories), labels))
        self._rows[image.id] = np.concatenate([self._rows.get(image.id, rows[:0]), rows])

    def fit(self, start: LinearClassifiers | None) -> LinearClassifiers:
        """Classifiers of the examples so far."""
        self._features = [np.concatenate(self._features)]  # the parts need not stay beside the whole
        self._labels = [np.concatenate(self._labels)]
        settings = self._settings
        return fit(
            self._features[0], self._labels[0], len(self._categories), settings.penalty, settings.iterations, start
        )


def _teaches(instance: Instance) -> bool:
    return not instance.ignore and bool(area(instance.box) > 0)


def _share_inside(boxes: Boxes, box: Sequence[float]) -> NDArray[np.float64]:
    """The share of the area of each of the (n, 4) boxes that lies inside of `box`."""
    cut = np.column_stack([np.maximum(boxes[:, :2], box[:2]), np.minimum(boxes[:, 2:], box[2:])])
    whole = area(boxes)
    return np.divide(area(cut), whole, out=np.zeros_like(whole), where=whole > 0)


def _some(rows: NDArray[np.intp], number: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """At most `number` of the rows, drawn without replacement, in rising order."""
    return rows if len(rows) <= number else np.sort(rng.choice(rows, number, replace=False))
