"""Overlaps and matches of results over an image set; shared by masks, boxes and parts."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pycocotools import mask as coco_mask

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Image, Instance
from hypercolumns.annotations.results import Results, column
from hypercolumns.evaluation.average_precision import Curve, average_precision, known_mean, precision_recall
from hypercolumns.evaluation.matching import Matching, match
from hypercolumns.regions import boxes

THRESHOLDS = np.arange(1, 10) / 10
"""Overlap thresholds of AP^r_vol: .1, .2, ... .9. Paper, section 4.1."""

OverlapFunction = Callable[[Image, Results, Sequence[Instance]], NDArray[np.float64]]
"""Computes the overlaps (n, m) of n results with m instances of one image, of any categories."""


@dataclass(frozen=True)
class ImageOverlaps:
    """Results and instances of one image, of all categories, and their overlaps."""

    rows: NDArray[np.int64]
    """(n,) positions of the results in the list of all results."""
    categories: NDArray[np.int64]
    """(n,) category ids of the results."""
    instances: tuple[Instance, ...]
    """The m instances of the image."""
    values: NDArray[np.float64]
    """(n, m) overlaps."""

    @property
    def same_category(self) -> NDArray[np.bool_]:
        """(n, m) whether result and instance are of one category."""
        return self.categories[:, None] == np.array([i.category_id for i in self.instances], dtype=np.int64)


@dataclass(frozen=True)
class CategoryMatches:
    """Verdicts on all n detections of one category at t thresholds."""

    rows: NDArray[np.int64]
    """(n,) positions of the detections in the list of all results, ascending."""
    scores: NDArray[np.float64]
    """(n,) confidences."""
    hit: NDArray[np.bool_]
    """(n, t) as in `matching.Matches`."""
    neutral: NDArray[np.bool_]
    """(n, t) as in `matching.Matches`."""
    claimed: NDArray[np.int64]
    """(n, t) id of the instance that a hit claims, -1 without a hit."""
    positives: int
    """Number of instances that count."""

    def average_precision(self, threshold: int) -> float | None:
        """Average precision in 0..1 at the threshold of this position; None without instances that count."""
        return average_precision(self.scores, self.hit[:, threshold], self.positives, self.neutral[:, threshold])

    def curve(self, threshold: int) -> Curve:
        """Precision-recall curve at the threshold of this position; needs instances that count."""
        return precision_recall(self.scores, self.hit[:, threshold], self.positives, self.neutral[:, threshold])


def counted_instances(annotations: AnnotationSet, minimum_area: int) -> list[Instance]:
    """Instances that count in ground-truth boxes: neither crowd nor difficult, and of at least that many pixels."""
    return [i for i in annotations.instances if not i.ignore and i.area >= minimum_area]


def mask_or_box(instance: Instance, image: Image) -> masks.RLE:
    """Mask of an instance, or its box as a mask if only the box is annotated."""
    return instance.segmentation or box_mask(instance.box, image)


def box_mask(box: ArrayLike, image: Image) -> masks.RLE:
    """Mask of the pixels of an image that lie in a box x0, y0, x1, y1, rounded to whole pixels."""
    x0, y0, x1, y1 = boxes.clip(np.round(np.asarray(box)), image.width, image.height).tolist()
    return masks.from_polygons([[x0, y0, x1, y0, x1, y1, x0, y1]], image.height, image.width)


def group_by_image(results: Results) -> defaultdict[int, list[int]]:
    """Positions of the results by image id; empty for any other id.

    Examples
    --------
    >>> group_by_image([{"image_id": 7}, {"image_id": 3}, {"image_id": 7}])[7]
    [0, 2]
    """
    groups = defaultdict[int, list[int]](list)
    for row, image_id in enumerate(column(results, "image_id").tolist()):
        groups[image_id].append(row)
    return groups


def mask_overlaps(image: Image, results: Results, instances: Sequence[Instance]) -> NDArray[np.float64]:
    """Mask IoU (n, m) of results and instances of one image, after void pixels are removed from the results.

    For a crowd it is the share of the result inside it. An instance without a mask is represented by its box.
    """
    codes = without_void([result["segmentation"] for result in results], image)
    return masks.iou(codes, [mask_or_box(i, image) for i in instances], [i.crowd for i in instances])


def box_overlaps(_: Image, results: Results, instances: Sequence[Instance]) -> NDArray[np.float64]:
    """Box IoU (n, m) of results and instances of one image; for a crowd, the share of the result inside it."""
    return _overlaps_with_boxes([result["bbox"] for result in results], instances)


def mask_box_overlaps(_: Image, results: Results, instances: Sequence[Instance]) -> NDArray[np.float64]:
    """As `box_overlaps`, with the tight boxes of the masks of the results."""
    tight = [boxes.to_coco(masks.box(result["segmentation"])) for result in results]
    return _overlaps_with_boxes(tight, instances)


def _overlaps_with_boxes(predicted: Sequence[ArrayLike], instances: Sequence[Instance]) -> NDArray[np.float64]:
    """Box IoU (n, m) of boxes x, y, width, height and instances, as `box_overlaps` defines it."""
    if not len(predicted) or not instances:
        return np.zeros((len(predicted), len(instances)))
    truth = boxes.to_coco([instance.box for instance in instances])
    found = np.array(predicted, dtype=np.float64)
    return np.asarray(coco_mask.iou(found, truth, [int(i.crowd) for i in instances]), dtype=np.float64)


def without_void(codes: Sequence[masks.RLE], image: Image) -> list[masks.RLE]:
    """Remove the image's void pixels from each mask."""
    if image.void is None or not codes:
        return list(codes)
    known = masks.encode(~masks.decode(image.void))
    return [intersection(code, known) for code in codes]


def intersection(first: masks.RLE, second: masks.RLE) -> masks.RLE:
    """Pixels that lie in both masks."""
    code = coco_mask.merge([first, second], intersect=True)
    return masks.RLE(size=code["size"], counts=code["counts"].decode("ascii"))


def overlaps_by_image(
    annotations: AnnotationSet, results: Results, overlap: OverlapFunction
) -> dict[int, ImageOverlaps]:
    """Compute the overlaps of every image, by image id."""
    rows_by_image = group_by_image(results)
    overlaps = {}
    for image in annotations.images:
        rows, instances = rows_by_image[image.id], annotations.instances_by_image[image.id]
        in_image = [results[row] for row in rows]
        overlaps[image.id] = ImageOverlaps(
            rows=np.array(rows, dtype=np.int64),
            categories=np.array([result["category_id"] for result in in_image], dtype=np.int64),
            instances=tuple(instances),
            values=overlap(image, in_image, instances),
        )
    return overlaps


def match_categories(
    annotations: AnnotationSet,
    results: Results,
    overlaps: Mapping[int, ImageOverlaps],
    thresholds: NDArray[np.float64],
    matching: Matching,
) -> dict[int, CategoryMatches]:
    """Match results to instances, category by category.

    Parameters
    ----------
    annotations
        The ground truth.
    results
        Scored results on its images.
    overlaps
        `overlaps_by_image` of these results.
    thresholds
        (t,) overlaps that a hit needs.
    matching
        The rule; see `match`.

    Returns
    -------
    dict
        The verdicts by category id, for every category of the annotations.
    """
    scores, categories = column(results, "score"), column(results, "category_id")
    shape = len(results), len(thresholds)
    hit, neutral, claimed = np.zeros(shape, bool), np.zeros(shape, bool), np.full(shape, -1, dtype=np.int64)
    for image in overlaps.values():
        for category_id in np.unique(image.categories):
            detected = image.categories == category_id
            columns = [column for column, i in enumerate(image.instances) if i.category_id == category_id]
            instances = [image.instances[column] for column in columns]
            difficult = np.array([i.difficult for i in instances], dtype=bool)
            crowd = np.array([i.crowd for i in instances], dtype=bool)
            rows = image.rows[detected]
            values = image.values[np.ix_(detected, columns)]
            matches = match(values, scores[rows], thresholds, difficult, crowd, matching)
            ids = np.array([i.id for i in instances] + [-1], dtype=np.int64)
            hit[rows], neutral[rows], claimed[rows] = matches.hit, matches.neutral, ids[matches.instance]
    positives = Counter(instance.category_id for instance in annotations.instances if not instance.ignore)
    by_category = {category.id: np.flatnonzero(categories == category.id) for category in annotations.categories}
    return {
        key: CategoryMatches(rows, scores[rows], hit[rows], neutral[rows], claimed[rows], positives[key])
        for key, rows in by_category.items()
    }


def mean_average_precision(matches: Mapping[int, CategoryMatches], threshold: int) -> float | None:
    """Mean average precision in 0..1 over the categories with instances that count; None when there are none."""
    return known_mean(m.average_precision(threshold) for m in matches.values())
