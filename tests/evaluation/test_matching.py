"""Matching follows the two rules, written out detection by detection, and a few cases by hand."""

import numpy as np
import pytest

from hypercolumns.evaluation.matching import match

HALF = np.array([0.5])


def verdicts(overlaps, scores, matching, difficult=(), crowd=(), thresholds=HALF):
    overlaps = np.array(overlaps, dtype=float)
    m = overlaps.shape[1]
    flags = [np.isin(np.arange(m), list(chosen)) for chosen in (difficult, crowd)]
    return match(overlaps, np.array(scores, dtype=float), np.asarray(thresholds), *flags, matching)


def brute_force(overlaps, scores, threshold, difficult, crowd, matching):
    """Apply the rules to one detection after the other; returns the lists hit, neutral and instance."""
    n, m = overlaps.shape
    order = sorted(range(n), key=lambda row: (-scores[row], row))
    claimed, hit, neutral, claim = set(), [False] * n, [False] * n, [-1] * n
    for row in order:
        candidates = [j for j in range(m) if not crowd[j]]
        if matching == "voc":
            best = max(candidates, key=lambda j: (overlaps[row, j], -j), default=None)
            if best is not None and overlaps[row, best] >= threshold:
                if difficult[best]:
                    neutral[row] = True
                elif best not in claimed:
                    hit[row], claim[row] = True, best
                    claimed.add(best)
            excuses = [j for j in range(m) if crowd[j] and overlaps[row, j] >= threshold]
        else:
            free = [j for j in candidates if not difficult[j] and j not in claimed and overlaps[row, j] > threshold]
            if free:
                claim[row] = max(free, key=lambda j: (overlaps[row, j], -j))
                hit[row] = True
                claimed.add(claim[row])
            excuses = [j for j in range(m) if (crowd[j] or difficult[j]) and overlaps[row, j] > threshold]
        if not hit[row] and excuses:
            neutral[row] = True
    return hit, neutral, claim


@pytest.mark.parametrize("matching", ["voc", "best_free"])
@pytest.mark.parametrize("seed", range(40))
def test_verdicts_equal_the_rules_written_out(seed, matching):
    rng = np.random.default_rng(seed)
    n, m = rng.integers(0, 12), rng.integers(0, 7)
    # Few distinct values, so that there are ties and overlaps equal to a threshold.
    overlaps, scores = rng.integers(0, 11, (n, m)) / 10, rng.integers(0, 5, n) / 4
    difficult = rng.random(m) < 0.25
    crowd = ~difficult & (rng.random(m) < 0.25)
    thresholds = np.array([0.3, 0.5, 0.7])
    found = match(overlaps, scores, thresholds, difficult, crowd, matching)
    for position, threshold in enumerate(thresholds):
        hit, neutral, instance = brute_force(overlaps, scores, threshold, difficult, crowd, matching)
        np.testing.assert_array_equal(found.hit[:, position], hit)
        np.testing.assert_array_equal(found.neutral[:, position], neutral)
        np.testing.assert_array_equal(found.instance[:, position], instance)


@pytest.mark.parametrize("matching", ["voc", "best_free"])
def test_the_second_detection_of_an_instance_is_false(matching):
    found = verdicts([[0.8], [0.9]], [0.9, 0.8], matching)
    assert found.hit[:, 0].tolist() == [True, False]
    assert not found.neutral.any()


def test_only_best_free_falls_back_to_the_second_best_instance():
    overlaps = [[0.9, 0.6], [0.8, 0.7]]
    assert verdicts(overlaps, [2, 1], "voc").hit[:, 0].tolist() == [True, False]
    assert verdicts(overlaps, [2, 1], "best_free").instance[:, 0].tolist() == [0, 1]


def test_only_voc_accepts_an_overlap_equal_to_the_threshold():
    assert verdicts([[0.5]], [1], "voc").hit.all()
    assert not verdicts([[0.5]], [1], "best_free").hit.any()


@pytest.mark.parametrize("matching", ["voc", "best_free"])
@pytest.mark.parametrize("kind", ["difficult", "crowd"])
def test_any_number_of_detections_on_an_ignored_instance_is_neutral(matching, kind):
    found = verdicts([[0.9], [0.8], [0.2]], [3, 2, 1], matching, **{kind: [0]})
    assert found.neutral[:, 0].tolist() == [True, True, False]
    assert not found.hit.any()


def test_a_crowd_excuses_false_detections_but_takes_none_from_its_instance():
    found = verdicts([[0.6, 0.9], [0.6, 0.9]], [2, 1], "voc", crowd=[1])
    assert found.hit[:, 0].tolist() == [True, False]
    assert found.neutral[:, 0].tolist() == [False, True]


@pytest.mark.parametrize("matching", ["voc", "best_free"])
def test_the_first_detection_of_equal_scores_claims_the_instance(matching):
    assert verdicts([[0.6], [0.9]], [1, 1], matching).hit[:, 0].tolist() == [True, False]


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_there_are_no_matches_without_detections_or_instances(shape):
    found = verdicts(np.zeros(shape), np.zeros(shape[0]), "voc")
    assert found.hit.shape == (shape[0], 1)
    assert not found.hit.any()
    assert not found.neutral.any()
