"""Many calls on Dask workers with a few of them in flight, so that client and scheduler hold little at a time."""

import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar
from uuid import uuid4

from dask.utils import funcname
from distributed import Client, Future, as_completed

from hypercolumns.cluster.checking import call_on_same_code
from hypercolumns.scratch.digests import code_digest

CALLS_PER_THREAD = 4
"""Calls in flight for each thread of the workers: enough that none waits for the next call."""

GPU = "GPU"
"""Dask resource that workers with a GPU declare (`dask worker --resources GPU=1`); a task of a network takes one."""

_SECONDS_BETWEEN_COUNTS = 5.0
"""Workers may come and go."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def submit(
    client: Client, function: Callable[..., Any], *values: Any, resources: Mapping[str, int] | None = None
) -> Future:
    """Submit a call, which a worker with other code than this process refuses.

    Parameters
    ----------
    values
        Arguments of the function; futures among them stand for their results.
    resources
        Dask resources of the call, as `resources_of_networks` finds them.
    """
    return client.submit(
        call_on_same_code,
        code_digest(),
        function,
        *values,
        key=f"{funcname(function)}-{uuid4()}",  # so that Dask's dashboard and errors name the function
        resources=dict(resources or {}) or None,
    )


def map_unordered(
    client: Client,
    function: Callable[[Item], Result],
    items: Iterable[Item],
    resources: Mapping[str, int] | None = None,
) -> Iterator[tuple[int, Result]]:
    """Yield the number of an item, and `function(item)`, as soon as it is computed.

    Items are taken only when a worker will soon be free, and what was computed is not kept by any worker after it has
    been yielded. What a worker that died was computing, another one computes.

    Parameters
    ----------
    function
        Runs in a task; its result should be small.
    resources
        Dask resources of a task, as `resources_of_networks` finds them.
    """
    numbered = enumerate(items)
    numbers: dict[Future, int] = {}
    threads = _Threads(client, resources)

    def begin(limit: int) -> list[Future]:
        added = []
        for number, item in islice(numbered, limit):
            future = submit(client, function, item, resources=resources)
            numbers[future] = number
            added.append(future)
        return added

    try:
        completed = as_completed(begin(CALLS_PER_THREAD * threads.count()))
        for future in completed:
            result = future.result()
            number = numbers.pop(future)
            future.release()
            for added in begin(CALLS_PER_THREAD * threads.count() - len(numbers)):
                completed.add(added)
            yield number, result
    finally:
        client.cancel(list(numbers))


def map_in_order(
    client: Client,
    function: Callable[..., Result],
    arguments: Iterable[tuple[Any, ...]],
    resources: Mapping[str, int] | None = None,
) -> Generator[Result, None, None]:
    """Yield the results of `function`, called on the workers with each of `arguments`, in their order.

    When the caller closes the iterator, or an error leaves it, the calls in flight are cancelled. No later result is
    taken before an earlier one: those that are ready wait on the workers.

    Parameters
    ----------
    resources
        Dask resources of a call, as `resources_of_networks` finds them.
    """
    threads = _Threads(client, resources)
    pending: deque[Future] = deque()
    try:
        for values in arguments:
            if len(pending) >= CALLS_PER_THREAD * threads.count():
                yield _take(pending)
            pending.append(submit(client, function, *values, resources=resources))
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


def resources_of_networks(client: Client) -> dict[str, int]:
    """Resources that a task of a network takes: a GPU if any worker declares one, else none."""
    return {GPU: 1} if any(worker["resources"].get(GPU) for worker in _workers(client)) else {}


class _Threads:
    """Counts the tasks that the workers can run at the same time, again every few seconds."""

    def __init__(self, client: Client, resources: Mapping[str, int] | None) -> None:
        self._client, self._resources = client, resources or {}
        self._count, self._counted = 1, -_SECONDS_BETWEEN_COUNTS

    def count(self) -> int:
        if time.monotonic() - self._counted > _SECONDS_BETWEEN_COUNTS:
            self._count = max(1, sum(map(self._of_worker, _workers(self._client))))
            self._counted = time.monotonic()
        return self._count

    def _of_worker(self, worker: Mapping[str, Any]) -> int:
        limits = [int(worker["resources"].get(name, 0) // number) for name, number in self._resources.items()]
        return min([int(worker["nthreads"]), *limits])


def _workers(client: Client) -> list[dict[str, Any]]:
    return list(client.scheduler_info(n_workers=-1)["workers"].values())
