"""Rows of a comparison of networks: means, differences to the first one, and their standard errors."""

import numpy as np
import pytest

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.evaluation.resampling import RESAMPLES
from hypercolumns.evaluation.trade_offs import ComparedNetwork, trade_offs
from tests.evaluation.scenes_for_evaluation import annotation_set, instance

PHOTOGRAPHS = 30


def network(name: str, ious: np.ndarray) -> ComparedNetwork:
    return ComparedNetwork(name, "network", ("layer",), 64, "library", 1000, 2.5, 10, ious)


def scene(photographs: int) -> AnnotationSet:
    """Photographs with two instances each."""
    numbers = range(2 * photographs)
    return annotation_set(*(instance(n + 1, (0, 0, 20, 20), image_id=n // 2 + 1) for n in numbers), images=photographs)


def test_means_differences_and_standard_errors_are_those_of_independent_photographs() -> None:
    """The error of a mean over photographs with equally many instances is that of the means of photographs."""
    truth = scene(PHOTOGRAPHS)
    rng = np.random.default_rng(0)
    hard = rng.uniform(0.3, 0.8, PHOTOGRAPHS).repeat(2)
    noise = rng.normal(0, 0.02, (2, 2 * PHOTOGRAPHS))
    ious = hard + noise + np.array([[0.0], [0.05]])
    first, second = trade_offs(truth, truth.instances, [network("first", ious[0]), network("second", ious[1])])
    assert first.difference == first.difference_error == 0
    assert second.mean_iou == pytest.approx(ious[1].mean())
    assert second.difference == pytest.approx(ious[1].mean() - ious[0].mean())
    assert second.above_70 == (ious[1] > 0.7).mean()
    for values, found in ((ious[1], second.standard_error), (ious[1] - ious[0], second.difference_error)):
        expected = values.reshape(PHOTOGRAPHS, 2).mean(axis=1).std() / np.sqrt(PHOTOGRAPHS)
        assert found == pytest.approx(expected, rel=4 / np.sqrt(2 * RESAMPLES))
    assert second.difference_error < second.standard_error / 5


def test_a_single_photograph_has_no_standard_error() -> None:
    truth = scene(1)
    (row,) = trade_offs(truth, truth.instances, [network("only", np.array([0.4, 0.8]))])
    assert (row.mean_iou, row.standard_error, row.difference_error) == (pytest.approx(0.6), None, None)
