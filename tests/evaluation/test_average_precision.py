"""Average precision equals its definition written out, and the curve that of scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve

from hypercolumns.evaluation.average_precision import average_precision, precision_recall


def random_detections(rng):
    n = int(rng.integers(1, 40))
    hit = rng.random(n) < 0.5
    return rng.permutation(n) / n, hit, int(hit.sum() + rng.integers(1, 5))


def test_finding_everything_first_scores_one_and_finding_nothing_scores_zero():
    assert average_precision([0.9, 0.8, 0.1], [True, True, False], positives=2) == 1.0
    assert average_precision([], [], positives=3) == 0.0
    assert average_precision([0.9, 0.8], [False, False], positives=3) == 0.0


def test_average_precision_is_undefined_without_instances():
    assert average_precision([0.9], [False], positives=0) is None
    with pytest.raises(ValueError, match="positives is 0, but recall is undefined"):
        precision_recall([0.9], [False], positives=0)


@pytest.mark.parametrize("seed", range(20))
def test_area_is_the_mean_over_k_of_the_best_precision_with_at_least_k_hits(seed):
    """Computed without a curve: the k-th instance contributes the best precision of any prefix with >= k hits."""
    scores, hit, positives = random_detections(np.random.default_rng(seed))
    ranked = hit[np.argsort(-scores)]
    prefixes = [(sum(ranked[:n]), sum(ranked[:n]) / n) for n in range(1, len(ranked) + 1)]
    expected = np.mean([max((p for found, p in prefixes if found >= k), default=0) for k in range(1, positives + 1)])
    assert average_precision(scores, hit, positives) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_the_curve_equals_that_of_scikit_learn(seed):
    scores, hit, positives = random_detections(np.random.default_rng(100 + seed))
    hit[np.argmax(scores)] = True
    curve = precision_recall(scores, hit, positives)
    precision, recall, _ = precision_recall_curve(hit, scores)
    # scikit-learn counts only scored instances, and starts at the lowest score.
    np.testing.assert_allclose(curve.precision, precision[:-1][::-1])
    np.testing.assert_allclose(curve.recall * positives, recall[:-1][::-1] * hit.sum())


def test_neutral_detections_change_nothing():
    rng = np.random.default_rng(3)
    scores, hit, positives = random_detections(rng)
    neutral = ~hit & (rng.random(len(hit)) < 0.5)
    assert neutral.any()
    assert average_precision(scores, hit, positives, neutral) == average_precision(
        scores[~neutral], hit[~neutral], positives
    )


def test_equal_scores_keep_their_order():
    assert average_precision([0.5, 0.5], [True, False], positives=1) == 1.0
    assert average_precision([0.5, 0.5], [False, True], positives=1) == 0.5


def test_precision_at_a_recall_is_the_best_one_at_this_recall_or_above():
    curve = precision_recall([4, 3, 2, 1], [True, False, True, True], positives=5)
    np.testing.assert_allclose(curve.precision_at([0, 0.2, 0.21, 0.6, 0.61, 1]), [1, 1, 0.75, 0.75, 0, 0])


def test_mean_of_a_finely_sampled_curve_is_the_area():
    scores, hit, positives = random_detections(np.random.default_rng(8))
    curve = precision_recall(scores, hit, positives)
    assert curve.precision_at((np.arange(100_000) + 0.5) / 100_000).mean() == pytest.approx(curve.area, abs=1e-4)
