"""Slices are computed side by side, in order, and only some of them ahead."""

import os
import threading

import pytest

from hypercolumns.detection import slices
from hypercolumns.detection.slices import in_slices


def test_results_are_consumed_while_later_slices_are_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory does not grow with the number of slices, however slowly the results are consumed."""
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    computed = 0

    def count(part: slice) -> int:
        nonlocal computed
        computed += 1
        return part.start

    results = in_slices(count, 1000, 1)
    assert [next(results) for _ in range(5)] == list(range(5))
    assert computed <= slices.SLICES_PER_THREAD * 2
    assert list(results) == list(range(5, 1000))


def test_every_core_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three slices wait for each other."""
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    barrier = threading.Barrier(3)
    assert sorted(in_slices(lambda _: barrier.wait(10), 3, 1)) == [0, 1, 2]
