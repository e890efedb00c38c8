"""Linear models of regions against independent solvers."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from hypercolumns.detection.classifiers import fit
from hypercolumns.detection.regression import fit_regressor, move, moves


def _data(n: int, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(2, 3, (n, dimensions)) * rng.uniform(0.1, 5, dimensions)
    labels = np.argmax(x[:, :3] / x[:, :3].std(axis=0) + rng.gumbel(size=(n, 3)), axis=1)
    return x.astype(np.float32), labels


def test_classifiers_equal_scikit_learn() -> None:
    x, labels = _data(400, 6)
    penalty = 1e-2
    ours = fit(x, labels, 2, penalty, 500).probabilities(x)
    standard = StandardScaler().fit_transform(x)
    theirs = LogisticRegression(C=1 / (2 * penalty * len(x)), tol=1e-8, max_iter=1000).fit(standard, labels)
    np.testing.assert_allclose(ours, theirs.predict_proba(standard)[:, :2], atol=2e-3)


def test_going_on_from_a_solution_stays_there() -> None:
    """A start given in the units of the features is the same point as in those of the optimisation."""
    x, labels = _data(300, 5)
    solved = fit(x, labels, 2, 1e-2, 500)
    again = fit(x, labels, 2, 1e-2, 1, solved)
    np.testing.assert_allclose(again.probabilities(x), solved.probabilities(x), atol=1e-3)


def test_a_constant_feature_does_no_harm() -> None:
    x, labels = _data(100, 4)
    x[:, 3] = 7
    assert np.isfinite(fit(x, labels, 2, 1e-2, 20).probabilities(x)).all()


@pytest.mark.parametrize("shape", [(300, 8), (30, 50)])
def test_regression_equals_scikit_learn(shape: tuple[int, int]) -> None:
    """In the primal (more examples than dimensions) and in the dual."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=shape).astype(np.float32)
    by = x[:, :4] * 0.05 + rng.normal(size=(shape[0], 4)) * 0.01
    ours = fit_regressor(x, by, 0.3)
    standard = StandardScaler().fit_transform(x)
    theirs = Ridge(alpha=0.3 * len(x)).fit(standard, by)
    np.testing.assert_allclose(x @ ours.weights + ours.biases, theirs.predict(standard), atol=1e-4)


def test_moving_inverts_moves() -> None:
    rng = np.random.default_rng(2)
    corner = rng.uniform(0, 50, (2, 30, 2))
    boxes, targets = np.concatenate([corner, corner + rng.uniform(20, 38, (2, 30, 2))], axis=2)
    np.testing.assert_allclose(move(boxes, moves(boxes, targets)), targets, atol=1e-9)


def test_scales_are_bounded() -> None:
    moved = move(np.array([[0.0, 0, 10, 10]]), np.array([[0.0, 0, 99, -99]]))
    np.testing.assert_allclose(moved, [[-5, 2.5, 15, 7.5]])
