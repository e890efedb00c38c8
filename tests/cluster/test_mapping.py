"""Calls on workers that are submitted a few at a time."""

import time
from collections.abc import Iterator

import pytest
from distributed import Client

from hypercolumns.cluster.mapping import CALLS_PER_THREAD, map_in_order


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with Client(processes=False, n_workers=1, threads_per_worker=2, dashboard_address=None) as client:
        yield client


def _slow_at_first(number: int) -> int:
    time.sleep(0.05 if number == 0 else 0)
    return number


def _same(number: int) -> int:
    return number


def _refusing(number: int) -> int:
    if number == 3:
        raise ValueError("three")
    return number


def test_results_come_in_the_order_of_the_calls(client: Client) -> None:
    assert list(map_in_order(client, _slow_at_first, ((number,) for number in range(40)))) == list(range(40))
    assert list(map_in_order(client, _slow_at_first, ())) == []


def test_few_calls_are_submitted_before_their_results_are_taken(client: Client) -> None:
    submitted = []

    def arguments() -> Iterator[tuple[int]]:
        for number in range(100):
            submitted.append(number)
            yield (number,)

    for taken, _ in enumerate(map_in_order(client, _same, arguments()), start=1):
        assert len(submitted) - taken <= 2 * CALLS_PER_THREAD
        assert len(client.futures) <= 2 * CALLS_PER_THREAD


def test_an_error_of_a_call_is_raised_and_the_rest_is_cancelled(client: Client) -> None:
    results = map_in_order(client, _refusing, ((number,) for number in range(100)))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)
    assert all(state.status != "pending" for state in client.futures.values())
