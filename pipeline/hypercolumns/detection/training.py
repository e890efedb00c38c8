"""Training of the detector: classifiers with rounds of hard negatives, then the regression of boxes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hypercolumns.detection.candidate_set import CandidateSet
from hypercolumns.detection.classifiers import fit
from hypercolumns.detection.detector import Detector
from hypercolumns.detection.examples import Examples
from hypercolumns.detection.regression import fit_regressor
from hypercolumns.parameters import DetectionParameters

FEWEST = 32
"""Regions that an image gives at least: with fewer, a share of them could not be hard negatives."""


def train(
    photographs: CandidateSet, categories: Sequence[int], settings: DetectionParameters, rng: np.random.Generator
) -> Detector:
    """A detector of `categories` (ids, see `examples.trained_categories`) from instances and candidates.

    Every image gives the same number of regions: up to half of them positive, the rest background drawn at random and,
    in later rounds, background that the classifiers of the round before like best. Memory is that of
    `settings.training_regions` regions: where the images are too many for `FEWEST` each, some are drawn at random.
    """
    most = max(1, settings.training_regions // FEWEST)
    if len(photographs.annotations.images) > most:
        photographs = photographs.some(most, rng)
    share = settings.training_regions // len(photographs.annotations.images)
    rounds = settings.hard_negative_rounds
    random = share // 4 if rounds else share // 2
    hard = share // (4 * rounds) if rounds else 0
    examples = Examples(photographs, categories, settings)
    for image in photographs.each("collecting examples"):
        positive = _some(examples.positive(image), share // 2, rng)
        negative = _some(examples.background(image), random, rng)
        examples.add(image, np.concatenate([positive, negative]))
    features, labels, moves = examples.arrays()
    classifiers = fit(features, labels, len(categories), settings.penalty, settings.iterations)
    for _ in range(rounds):
        for image in photographs.each("looking for hard negatives"):
            rows = examples.background(image)
            likeness = classifiers.probabilities(photographs.describe(image, examples.boxes(image)[rows])).sum(axis=1)
            examples.add(image, rows[np.argsort(-likeness, kind="stable")[:hard]])
        features, labels, moves = examples.arrays()
        classifiers = fit(features, labels, len(categories), settings.penalty, settings.iterations, classifiers)
    regressor = None
    if settings.regression_penalty is not None:
        positive = np.flatnonzero(labels < len(categories))
        regressor = fit_regressor(features[positive], moves[positive], settings.regression_penalty)
    return Detector(tuple(categories), classifiers, regressor)


def _some(rows: NDArray[np.intp], number: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """At most `number` of the rows, drawn without replacement, in rising order."""
    return rows if len(rows) <= number else np.sort(rng.choice(rows, number, replace=False))
