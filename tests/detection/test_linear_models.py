"""Linear models of regions equal those of independent solvers."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from hypercolumns.detection import linear_models
from hypercolumns.detection.linear_models import apply_moves, encode_moves, fit_classifiers, fit_regressor


def _data(n: int, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(2, 3, (n, dimensions)) * rng.uniform(0.1, 5, dimensions)
    labels = np.argmax(x[:, :3] / x[:, :3].std(axis=0) + rng.gumbel(size=(n, 3)), axis=1)
    return x.astype(np.float32), labels


def test_classifiers_equal_scikit_learn() -> None:
    """Probabilities equal those of `LogisticRegression` on standardised features."""
    x, labels = _data(400, 6)
    penalty = 1e-2
    ours = fit_classifiers(x, labels, 2, penalty=penalty, iterations=500).probabilities(x)
    standardised = StandardScaler().fit_transform(x)
    theirs = LogisticRegression(C=1 / (2 * penalty * len(x)), tol=1e-8, max_iter=1000).fit(standardised, labels)
    np.testing.assert_allclose(ours, theirs.predict_proba(standardised)[:, :2], atol=2e-3)


def test_a_solution_is_a_fixed_point() -> None:
    """Starting from a solution, which is in the units of raw features, does not move away from it."""
    x, labels = _data(300, 5)
    solution = fit_classifiers(x, labels, 2, penalty=1e-2, iterations=500)
    continued = fit_classifiers(x, labels, 2, penalty=1e-2, iterations=1, start=solution)
    np.testing.assert_allclose(continued.probabilities(x), solution.probabilities(x), atol=1e-3)


def test_a_constant_feature_is_harmless() -> None:
    """Its zero deviation does not make probabilities infinite or NaN."""
    x, labels = _data(100, 4)
    x[:, 3] = 7
    assert np.isfinite(fit_classifiers(x, labels, 2, penalty=1e-2, iterations=20).probabilities(x)).all()


@pytest.mark.parametrize("columns", [3, 512])
@pytest.mark.parametrize("shape", [(300, 8), (30, 50)])
def test_regression_equals_scikit_learn(shape: tuple[int, int], columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Predictions equal those of `Ridge`, in the primal (more examples than dimensions) and in the dual."""
    monkeypatch.setattr(linear_models, "COLUMNS_PER_SLICE", columns)
    rng = np.random.default_rng(1)
    x = rng.normal(size=shape).astype(np.float32)
    moves = x[:, :4] * 0.05 + rng.normal(size=(shape[0], 4)) * 0.01
    ours = fit_regressor(x, moves, 0.3)
    standardised = StandardScaler().fit_transform(x)
    theirs = Ridge(alpha=0.3 * len(x)).fit(standardised, moves)
    np.testing.assert_allclose(x @ ours.weights + ours.biases, theirs.predict(standardised), atol=1e-4)


def test_applying_moves_inverts_encoding() -> None:
    """Boxes end at the objects that their moves were encoded from."""
    rng = np.random.default_rng(2)
    corner = rng.uniform(0, 50, (2, 30, 2))
    boxes, objects = np.concatenate([corner, corner + rng.uniform(20, 38, (2, 30, 2))], axis=2)
    np.testing.assert_allclose(apply_moves(boxes, encode_moves(boxes, objects)), objects, atol=1e-9)


def test_scales_are_bounded() -> None:
    """A side at most doubles or halves."""
    moved = apply_moves(np.array([[0.0, 0, 10, 10]]), np.array([[0.0, 0, 99, -99]]))
    np.testing.assert_allclose(moved, [[-5, 2.5, 15, 7.5]])
