"""Standard errors of metrics: how much they would differ with other photographs of the same kind (bootstrap)."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.model import AnnotationSet, Instance
from hypercolumns.annotations.results import Results, column
from hypercolumns.evaluation.detections import CategoryMatches

RESAMPLES = 500
"""Draws of as many photographs as there are, with replacement."""

_WEIGHTS_AT_ONCE = 5_000_000
"""Bounds memory: results, or images, times draws."""

Draws = NDArray[np.uint16]
"""(resamples, images) how often each draw has each image, in the order of the annotations."""


def draw_photographs(annotations: AnnotationSet, seed: int = 0) -> Draws:
    """Draw photographs with replacement. Efron, 1979. A single one, which says nothing about others, gives no draw."""
    count = len(annotations.images)
    if count < 2:
        return np.zeros((0, count), np.uint16)
    draws = np.empty((RESAMPLES, count), np.uint16)
    rng, shares = np.random.default_rng(seed), np.full(count, 1 / count)
    for draw in draws:
        draw[:] = rng.multinomial(count, shares)
    return draws


def resampled_precision(
    annotations: AnnotationSet,
    results: Results,
    matches: Mapping[int, CategoryMatches],
    threshold: int,
    draws: Draws,
) -> NDArray[np.float64]:
    """Mean average precision in 0..1 of every draw, (resamples,); NaN for a draw without an instance that counts.

    Parameters
    ----------
    annotations
        The ground truth.
    results
        The results that were matched.
    matches
        Their verdicts by category id.
    threshold
        Position of the overlap threshold in the verdicts.
    """
    position = {image.id: n for n, image in enumerate(annotations.images)}
    images = np.array([position[image_id] for image_id in column(results, "image_id").tolist()], dtype=np.intp)
    columns = {category_id: n for n, category_id in enumerate(matches)}
    positives = np.zeros((len(position), len(columns)))
    for instance in annotations.instances:
        if not instance.ignore:
            positives[position[instance.image_id], columns[instance.category_id]] += 1
    means = [np.zeros(0)]
    for some in _chunks(draws, max(len(results), len(position))):
        instances = some @ positives
        precisions = [
            _precision(matches[category_id], images, instances[:, column], threshold, some)
            for category_id, column in columns.items()
        ]
        means.append(_known_mean(np.stack(precisions)))
    return np.concatenate(means)


def resampled_mean(
    annotations: AnnotationSet, instances: Sequence[Instance], values: NDArray[np.float64], draws: Draws
) -> NDArray[np.float64]:
    """Mean of the values (n,) of n instances in every draw, (resamples,); NaN for a draw without any of them."""
    position = {image.id: n for n, image in enumerate(annotations.images)}
    images = np.array([position[instance.image_id] for instance in instances], dtype=np.intp)
    sums = np.bincount(images, values, len(position))
    counts = np.bincount(images, minlength=len(position)).astype(np.float64)
    with np.errstate(invalid="ignore"):
        means = [(some @ sums) / (some @ counts) for some in _chunks(draws, len(position))]
    return np.concatenate([np.zeros(0), *means])


def _chunks(draws: Draws, weights: int) -> Iterator[Draws]:
    """Some draws at a time, each of which takes so many weights in memory."""
    step = max(1, _WEIGHTS_AT_ONCE // max(weights, 1))
    return (draws[first : first + step] for first in range(0, len(draws), step))


def standard_error(values: NDArray[np.float64]) -> float | None:
    """Standard deviation of the values that are numbers; None when there are fewer than two."""
    known = values[~np.isnan(values)]
    return float(known.std(ddof=1)) if len(known) > 1 else None


def _precision(
    matches: CategoryMatches, images: NDArray[np.intp], positives: NDArray[np.float64], threshold: int, draws: Draws
) -> NDArray[np.float64]:
    """Average precision (resamples,) of a category: as `average_precision` of a list with each result repeated."""
    counted = ~matches.neutral[:, threshold]
    order = np.argsort(-matches.scores[counted], kind="stable")
    weights = draws[:, images[matches.rows[counted][order]]]
    found = weights * matches.hit[counted, threshold][order]
    hits, shown = found.cumsum(axis=1), weights.cumsum(axis=1)
    precision = np.divide(hits, shown, out=np.zeros(hits.shape), where=shown > 0)
    envelope = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
    area = (found * envelope).sum(axis=1)
    return np.divide(area, positives, out=np.full(len(draws), np.nan), where=positives > 0)


def _known_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the first axis of the values that are numbers; NaN where there are none."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    return np.divide(np.where(known, values, 0).sum(axis=0), count, out=np.full(count.shape, np.nan), where=count > 0)
