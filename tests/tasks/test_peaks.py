"""Peaks are found between locations, and the second peak is a different hill."""

import numpy as np
import pytest

from hypercolumns.tasks.peaks import find_peaks


def bump(x: float, y: float, size: int = 50, height: float = 1.0) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size] + 0.5
    return (height * np.exp(-((columns - x * size) ** 2 + (rows - y * size) ** 2) / 60)).astype(np.float32)


@pytest.mark.parametrize(("x", "y"), [(0.5, 0.5), (0.333, 0.618), (0.127, 0.905)])
def test_a_peak_is_located_to_a_tenth_of_a_location(x: float, y: float) -> None:
    (peak,) = find_peaks(bump(x, y), 1, 0.1)
    assert np.hypot(peak.x - x, peak.y - y) < 0.1 / 50


def test_a_peak_at_the_border_is_the_location_itself() -> None:
    (peak,) = find_peaks(bump(0.0, 1.0), 1, 0.1)
    assert (peak.x, peak.y) == (0.5 / 50, 49.5 / 50)


def test_the_second_peak_is_the_next_hill_and_not_the_slope_of_the_first() -> None:
    first, second = find_peaks(bump(0.2, 0.3) + bump(0.8, 0.7, height=0.5), 2, 0.2)
    assert first.heat > second.heat
    assert (second.x, second.y) == pytest.approx((0.8, 0.7), abs=0.002)


def test_a_radius_beyond_the_map_leaves_one_peak_and_excluded_heat_has_none() -> None:
    assert len(find_peaks(np.zeros((10, 10), np.float32), 3, 2.0)) == 1
    assert find_peaks(np.full((10, 10), -1, np.float32), 3, 0.1) == []
