"""Functions of many items on Dask workers, of which only a few wait for a worker at any time."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

from distributed import Client, Future, as_completed

PER_THREAD = 2
"""Tasks that run or wait, per thread of the workers: enough to keep them busy, few enough to bound memory."""

GPU = "GPU"
"""Dask resource that workers with a GPU declare (`dask worker --resources GPU=1`); a task of a network takes one."""

_SECONDS_BETWEEN_COUNTS = 5.0
"""Workers may come and go."""

Item = TypeVar("Item")
Result = TypeVar("Result")


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

    def submit(limit: int) -> list[Future]:
        added = []
        for number, item in islice(numbered, limit):
            future = client.submit(function, item, pure=False, resources=dict(resources) if resources else None)
            numbers[future] = number
            added.append(future)
        return added

    try:
        completed = as_completed(submit(PER_THREAD * threads.count()))
        for future in completed:
            result = future.result()
            number = numbers.pop(future)
            future.release()
            for added in submit(PER_THREAD * threads.count() - len(numbers)):
                completed.add(added)
            yield number, result
    finally:
        client.cancel(list(numbers))


def map_ordered(
    client: Client,
    function: Callable[[Item], Result],
    items: Iterable[Item],
    resources: Mapping[str, int] | None = None,
) -> Iterator[Result]:
    """Yield `function(item)` for every item, in order; otherwise as `map_unordered`."""
    waiting: dict[int, Result] = {}
    wanted = 0
    for number, result in map_unordered(client, function, items, resources):
        waiting[number] = result
        while wanted in waiting:
            yield waiting.pop(wanted)
            wanted += 1


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
