"""Many calls on Dask workers with a few of them in flight, so that client and scheduler hold little at a time."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from typing import Any, TypeVar

from distributed import Client, Future

Result = TypeVar("Result")

CALLS_PER_THREAD = 4
"""Calls in flight for each thread of the workers: enough that none waits for the next call."""


def map_in_order(
    client: Client, function: Callable[..., Result], arguments: Iterable[tuple[Any, ...]]
) -> Generator[Result, None, None]:
    """Yield the results of `function`, called on the workers with each of `arguments`, in their order.

    When the caller closes the iterator, or an error leaves it, the calls in flight are cancelled.
    """
    limit = CALLS_PER_THREAD * max(1, sum(client.nthreads().values()))
    pending: deque[Future] = deque()
    try:
        for values in arguments:
            if len(pending) >= limit:
                yield _take(pending)
            pending.append(client.submit(function, *values, pure=False))
        while pending:
            yield _take(pending)
    finally:
        if pending:
            client.cancel(list(pending))


def _take(pending: deque[Future]) -> Any:
    """Wait for the first future, and release it with its result on the worker."""
    future = pending[0]
    result = future.result()
    pending.popleft().release()
    return result
