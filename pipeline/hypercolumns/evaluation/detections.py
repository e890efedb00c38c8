"""From overlaps to verdicts for a whole image set: the part that masks, boxes, parts and keypoints share."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask

from hypercolumns.annotations import masks
from hypercolumns.annotations.model import AnnotationSet, Image, Instance
from hypercolumns.annotations.results import Results
from hypercolumns.evaluation.average_precision import Curve, average_precision, known_mean, precision_recall
from hypercolumns.evaluation.matching import Matching, match
from hypercolumns.regions import boxes

THRESHOLDS = np.arange(1, 10) / 10
"""Overlaps of AP^r_vol: .1, .2, ... .9. Paper, section 4.1."""

OverlapFunction = Callable[[Image, Results, Sequence[Instance]], NDArray[np.float64]]
"""Overlaps (n, m) of the results and the instances of one image, of any categories."""


@dataclass(frozen=True)
class ImageOverlaps:
    """Results and instances of one image, of all categories."""

    rows: NDArray[np.int64]
    """(n,) positions of the results in the whole list."""
    categories: NDArray[np.int64]
    """(n,) category ids of the results."""
    instances: tuple[Instance, ...]
    values: NDArray[np.float64]
    """(n, m) overlaps."""


@dataclass(frozen=True)
class CategoryMatches:
    """The verdicts on all n detections of one category at t thresholds."""

    rows: NDArray[np.int64]
    """(n,) positions in the whole list of results."""
    scores: NDArray[np.float64]
    hit: NDArray[np.bool_]
    """(n, t) as in `matching.Matches`."""
    neutral: NDArray[np.bool_]
    """(n, t)"""
    claimed: NDArray[np.int64]
    """(n, t) id of the instance that a hit claims, -1 without a hit."""
    positives: int
    """Instances that count."""

    def average_precision(self, threshold: int) -> float | None:
        """In 0..1 at the threshold of this position; None without instances that count."""
        return average_precision(self.scores, self.hit[:, threshold], self.positives, self.neutral[:, threshold])

    def curve(self, threshold: int) -> Curve:
        return precision_recall(self.scores, self.hit[:, threshold], self.positives, self.neutral[:, threshold])


def group_by_image(results: Results) -> dict[int, list[int]]:
    """Positions of the results per image id."""
    groups: dict[int, list[int]] = defaultdict(list)
    for row, result in enumerate(results):
        groups[result["image_id"]].append(row)
    return groups


def mask_overlaps(image: Image, results: Results, instances: Sequence[Instance]) -> NDArray[np.float64]:
    """Mask IoU (n, m) of the results and instances of one image; void pixels leave the results first."""
    codes = without_void([result["segmentation"] for result in results], image)
    return masks.iou(codes, [i.segmentation for i in instances], [i.crowd for i in instances])


def box_overlaps(
    image: Image,  # noqa: ARG001 - the signature of an OverlapFunction
    results: Results,
    instances: Sequence[Instance],
) -> NDArray[np.float64]:
    """Box IoU (n, m) of the results and instances of one image; of crowds, the share of the result inside."""
    if not results or not instances:
        return np.zeros((len(results), len(instances)))
    found = np.array([result["bbox"] for result in results], dtype=np.float64)
    truth = boxes.to_coco([instance.box for instance in instances])
    return np.asarray(coco_mask.iou(found, truth, [int(i.crowd) for i in instances]), dtype=np.float64)


def without_void(codes: Sequence[masks.RLE], image: Image) -> list[masks.RLE]:
    """The masks without the pixels that the image's annotation leaves open."""
    if image.void is None or not codes:
        return list(codes)
    known = masks.encode(~masks.decode(image.void))
    return [intersection(code, known) for code in codes]


def intersection(first: masks.RLE, second: masks.RLE) -> masks.RLE:
    """The pixels of both masks."""
    code = coco_mask.merge([first, second], intersect=True)
    return masks.RLE(size=code["size"], counts=code["counts"].decode("ascii"))


def overlaps_of(annotations: AnnotationSet, results: Results, overlap: OverlapFunction) -> dict[int, ImageOverlaps]:
    """Overlaps per image id, of the images that have results."""
    groups = group_by_image(results)
    found = {}
    for image_id, rows in groups.items():
        chosen = [results[row] for row in rows]
        instances = annotations.instances_by_image[image_id]
        found[image_id] = ImageOverlaps(
            rows=np.array(rows),
            categories=np.array([result["category_id"] for result in chosen]),
            instances=tuple(instances),
            values=overlap(annotations.image_by_id[image_id], chosen, instances),
        )
    return found


def match_categories(
    annotations: AnnotationSet,
    results: Results,
    overlaps: Mapping[int, ImageOverlaps],
    thresholds: NDArray[np.float64],
    matching: Matching,
) -> dict[int, CategoryMatches]:
    """The verdicts per category id, of all categories of the annotations."""
    scores = np.array([result["score"] for result in results], dtype=np.float64)
    verdicts = {category.id: _Verdicts(len(thresholds)) for category in annotations.categories}
    for image in overlaps.values():
        owners = np.array([instance.category_id for instance in image.instances], dtype=np.int64)
        for category_id in np.unique(image.categories):
            own = image.categories == category_id
            columns = np.flatnonzero(owners == category_id)
            instances = [image.instances[column] for column in columns]
            rows = image.rows[own]
            matches = match(
                image.values[np.ix_(own, columns)],
                scores[rows],
                thresholds,
                np.array([i.difficult for i in instances], dtype=bool),
                np.array([i.crowd for i in instances], dtype=bool),
                matching,
            )
            ids = np.array([i.id for i in instances] + [-1], dtype=np.int64)
            verdicts[int(category_id)].add(rows, matches.hit, matches.neutral, ids[matches.instance])
    counted = [instance.category_id for instance in annotations.instances if not instance.ignore]
    return {key: verdict.join(scores, counted.count(key)) for key, verdict in verdicts.items()}


def mean_average_precision(matches: Mapping[int, CategoryMatches], threshold: int) -> float | None:
    """Mean over the categories that have instances, in 0..1; None when none has."""
    return known_mean(m.average_precision(threshold) for m in matches.values())


class _Verdicts:
    """Collects the verdicts on one category image by image, and joins them in the order of the results."""

    def __init__(self, thresholds: int) -> None:
        self._rows: list[NDArray] = [np.zeros(0, dtype=np.int64)]
        self._parts: list[tuple[NDArray, NDArray, NDArray]] = [
            (np.zeros((0, thresholds), bool), np.zeros((0, thresholds), bool), np.zeros((0, thresholds), np.int64))
        ]

    def add(self, rows: NDArray, hit: NDArray, neutral: NDArray, claimed: NDArray) -> None:
        self._rows.append(rows)
        self._parts.append((hit, neutral, claimed))

    def join(self, scores: NDArray[np.float64], positives: int) -> CategoryMatches:
        rows = np.concatenate(self._rows)
        # Ties between images fall to the order of the file, not to the order of image ids.
        order = np.argsort(rows)
        hit, neutral, claimed = (np.concatenate(part)[order] for part in zip(*self._parts, strict=True))
        return CategoryMatches(rows[order], scores[rows[order]], hit, neutral, claimed, positives)
