"""The ranker learns additive functions of the features, and the choice skips near duplicates."""

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from hypercolumns.errors import InputError
from hypercolumns.proposals.ranking import choose, fit
from hypercolumns.regions.boxes import iou


def _boxes(rng: np.random.Generator, n: int) -> np.ndarray:
    """Draw n boxes x0, y0, x1, y1."""
    corner = rng.integers(0, 80, (n, 2))
    return np.concatenate([corner, corner + rng.integers(5, 60, (n, 2))], axis=1)


def test_the_ranker_recovers_an_additive_function() -> None:
    """Overlaps that are a sum of smooth functions of the features are predicted for unseen candidates."""
    rng = np.random.default_rng(0)
    features = rng.uniform(size=(4000, 3)).astype(np.float32)
    overlaps = 0.3 + 0.2 * np.sin(3 * features[:, 0]) + 0.2 * features[:, 1] ** 2
    ranker = fit(features[:3000], overlaps[:3000])
    assert np.abs(ranker.score(features[3000:]) - overlaps[3000:]).max() < 0.02


def test_discrete_features_are_learned_exactly() -> None:
    """A feature with three values is learned exactly, beside a constant feature; the outer values extrapolate."""
    rng = np.random.default_rng(1)
    kind = rng.integers(0, 3, 3000)
    features = np.stack([kind, np.ones(3000)], axis=1)
    overlaps = np.array([0.1, 0.7, 0.4])[kind]
    scores = fit(features, overlaps).score(np.array([[0, 1], [1, 1], [2, 1], [9, 5]]))
    assert scores == pytest.approx([0.1, 0.7, 0.4, 0.4], abs=0.01)


def test_candidates_without_objects_are_refused() -> None:
    """Training candidates that overlap no object are an error."""
    with pytest.raises(InputError, match="no candidate in the training photographs overlaps an object"):
        fit(np.ones((5, 2)), np.zeros(5))


def test_choice_equals_non_maximum_suppression() -> None:
    """Choosing block by block gives the same result as comparing each candidate with all kept ones."""
    rng = np.random.default_rng(2)
    boxes, scores = _boxes(rng, 300), rng.uniform(size=300).astype(np.float32)
    kept: list[int] = []
    for row in np.argsort(-scores, kind="stable"):
        if all(iou(boxes[row], boxes[other])[0, 0] <= 0.503 for other in kept):
            kept.append(row)
    rows, chosen = choose(boxes, scores, 0.503, 120)
    assert 50 < len(kept) < 300
    shared = min(len(kept), 120)
    assert rows[:shared].tolist() == kept[:120]
    assert (np.diff(chosen) <= 0).all()
    assert len(rows) == len(set(rows.tolist())) == 120


def test_suppressed_candidates_follow_all_others() -> None:
    """Suppressed candidates fill up the limit, with scores lowered by one."""
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 10], [20, 20, 30, 30], [0, 0, 10, 9]])
    rows, scores = choose(boxes, np.array([0.9, 0.8, 0.1, 0.7]), 0.5, 3)
    assert rows.tolist() == [0, 2, 1]
    assert scores == pytest.approx([0.9, 0.1, -0.2])


@pytest.mark.parametrize("limit", [None, 40, 41])
def test_candidates_within_the_limit_are_all_returned(limit: int | None) -> None:
    """Without a limit, or below it, no candidate is suppressed."""
    rng = np.random.default_rng(3)
    scores = rng.uniform(size=40)
    rows, chosen = choose(_boxes(rng, 40), scores, 0.1, limit)
    assert rows.tolist() == np.argsort(-scores).tolist()
    assert chosen == pytest.approx(np.sort(scores)[::-1])


def test_what_is_learned_does_not_depend_on_the_threads_of_numeric_libraries() -> None:
    rng = np.random.default_rng(0)
    features = rng.random((30_000, 12))
    overlaps = np.clip(features @ rng.normal(size=12), 0, 1)
    found = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            found.append(fit(features, overlaps))
    one, two = found
    assert one.values.tobytes() == two.values.tobytes()
