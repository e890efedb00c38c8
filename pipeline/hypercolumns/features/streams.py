"""Passes of the network side by side: each stream decodes, computes and hands back on its own."""

import copy
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from queue import SimpleQueue
from types import TracebackType
from typing import Any, TypeVar

import torch

from hypercolumns.backbones import Backbone

STREAMS = {"cpu": 16, "cuda": 4}
"""At most, by kind of device, one of any other: each holds the tensors of a pass, 16 regions of VGG-16 take 0.5 GB."""

AHEAD = 2
"""Items per stream that are under way or wait for being taken."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class Streams:
    """Threads that each run a backbone; a context manager.

    On the CPU every core has a stream, which computes on it alone: what several cores sum is rounded otherwise, and a
    pass on one core need not wait, after every layer, for the slower of several. Cores beyond `STREAMS` idle. What is
    not the network's work (decoding, warping) fills the same threads, not more of them. On CUDA every stream has a
    queue of its own, so that the copies and the decoding of one hide behind the kernels of another. PyTorch gives MPS
    one queue for all threads: there is one stream.

    Parameters
    ----------
    backbone
        On its device already.
    device
        Where `backbone` lies.
    """

    def __init__(self, backbone: Backbone, device: torch.device) -> None:
        self._device = device
        self._threads = torch.get_num_threads()
        most = STREAMS.get(device.type, 1)
        self._number = min(most, self._threads) if device.type == "cpu" else most
        self._pool = ThreadPoolExecutor(self._number, thread_name_prefix="stream")
        self._idle: SimpleQueue[tuple[Backbone, Callable[[], AbstractContextManager[Any]]]] = SimpleQueue()
        for _ in range(self._number):
            self._idle.put((_twin(backbone), self._queue()))

    def __enter__(self) -> "Streams":
        if self._device.type == "cpu":
            torch.set_num_threads(1)  # threads take the number over when they start
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
        torch.set_num_threads(self._threads)

    def map(self, function: Callable[[Backbone, Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """`function(backbone, item)` of the items, in their order; few of them are computed ahead."""
        waiting: deque[Future[Result]] = deque()
        source = iter(items)
        for item in itertools.islice(source, AHEAD * self._number):
            waiting.append(self._pool.submit(self._run, function, item))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(self._pool.submit(self._run, function, item) for item in itertools.islice(source, 1))
            yield result

    def _run(self, function: Callable[[Backbone, Item], Result], item: Item) -> Result:
        backbone, queue = self._idle.get()
        try:
            with queue(), torch.inference_mode():
                return function(backbone, item)
        finally:
            self._idle.put((backbone, queue))

    def _queue(self) -> Callable[[], AbstractContextManager[Any]]:
        """What makes a thread use a CUDA queue of its own; nothing for other devices."""
        if self._device.type != "cuda":
            return nullcontext
        stream = torch.cuda.Stream(self._device)
        stream.wait_stream(torch.cuda.current_stream(self._device))  # the weights are on their way
        return lambda: torch.cuda.stream(stream)


def _twin(backbone: Backbone) -> Backbone:
    """The same network for another thread: tensors are shared, the hooks that read layers are not."""
    tensors = itertools.chain(backbone.parameters(), backbone.buffers())
    return copy.deepcopy(backbone, {id(tensor): tensor for tensor in tensors})
