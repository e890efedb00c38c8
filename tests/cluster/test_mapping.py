"""Calls on workers that are submitted a few at a time."""

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import pytest
from distributed import Client, Event

from hypercolumns.cluster.mapping import CALLS_PER_THREAD, map_in_order, map_unordered

THREADS = 2


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with Client(processes=False, n_workers=1, threads_per_worker=THREADS, dashboard_address=None) as client:
        yield client


Mapper = Callable[[Client, Callable[[int], int], Iterable[int]], Iterator[Any]]


def _in_order(client: Client, function: Callable[[int], int], numbers: Iterable[int]) -> Iterator[int]:
    return map_in_order(client, function, ((number,) for number in numbers))


both = pytest.mark.parametrize("mapper", [_in_order, map_unordered])


def _slow_at_first(number: int) -> int:
    time.sleep(0.05 if number == 0 else 0)
    return number


def _same(number: int) -> int:
    return number


def _waiting(number: int, event: str) -> int:
    if number == 0:
        raise ValueError("zero")
    Event(event).wait(30)
    return number


def test_results_come_in_the_order_of_the_calls(client: Client) -> None:
    assert list(_in_order(client, _slow_at_first, range(40))) == list(range(40))
    assert list(_in_order(client, _slow_at_first, ())) == []


def test_unordered_results_come_with_the_numbers_of_their_items(client: Client) -> None:
    results = list(map_unordered(client, _slow_at_first, range(40)))
    assert sorted(results) == [(number, number) for number in range(40)]
    assert results[0] != (0, 0)  # the slow one holds up none of the others
    assert list(map_unordered(client, _slow_at_first, ())) == []


@both
def test_few_calls_are_submitted_before_their_results_are_taken(client: Client, mapper: Mapper) -> None:
    submitted = []

    def numbers() -> Iterator[int]:
        for number in range(100):
            submitted.append(number)
            yield number

    n_taken = 0
    for _ in mapper(client, _same, numbers()):
        n_taken += 1
        assert len(submitted) - n_taken <= THREADS * CALLS_PER_THREAD
        assert len(client.futures) <= THREADS * CALLS_PER_THREAD + 1  # one may not be released yet
    assert n_taken == len(submitted) == 100


@both
def test_an_error_of_a_call_is_raised_and_the_rest_is_cancelled(client: Client, mapper: Mapper) -> None:
    event = Event(f"error-{mapper.__name__}")
    results = mapper(client, partial(_waiting, event=event.name), range(100))
    try:
        with pytest.raises(ValueError, match="zero"):
            next(results)
        assert not any(state.status == "pending" for state in client.futures.values())
    finally:
        event.set()
