"""Threads that run the network side by side; each decodes, computes and copies its results to the host."""

import copy
import itertools
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from queue import SimpleQueue
from typing import Any, Generic, Self, TypeVar

import torch
from torch import nn

MAX_STREAMS = {"cpu": 16, "cuda": 2}
"""Maximal number of streams by device type; 1 for any other. Bounds memory, since each stream holds the tensors of a
pass: 0.5 GB for 16 regions with VGG-16. On CUDA a third one would compete with the writing threads for the interpreter;
measured."""

ITEMS_PER_STREAM = 2
"""Items that are computed or wait to be consumed, per stream."""

_SWITCH_INTERVAL = 0.0005
"""Seconds until Python's lock passes to a thread that waits for it, a tenth of the default: a stream whose layer is
computed would otherwise wait while another one runs Python code. Measured."""

Network = TypeVar("Network", bound=nn.Module)
Item = TypeVar("Item")
Result = TypeVar("Result")


class Streams(Generic[Network]):
    """Threads that each run a copy of a network; a context manager that may be entered again, one time after another.

    Parameters
    ----------
    network
        A backbone, or a module of several ones; must be on `device` already.
    device
        Device of the network.
    streams
        Number of streams; None for as many as the device serves.

    Notes
    -----
    On the CPU there is a stream per core, up to `MAX_STREAMS`, and each computes on one core: sums that several cores
    share are rounded differently, and cores that share a pass wait for the slowest of them after every layer. Decoding
    and warping run in the same threads. On CUDA each stream has its own queue, so that copies and decoding of one
    overlap with kernels of another. On MPS there is one stream, because PyTorch has a single MPS queue for all threads.
    """

    def __init__(self, network: Network, device: torch.device, streams: int | None = None) -> None:
        self._device = device
        self._threads, self._switch_interval = torch.get_num_threads(), sys.getswitchinterval()
        limit = MAX_STREAMS.get(device.type, 1)
        self._number = streams or (min(limit, self._threads) if device.type == "cpu" else limit)
        self._pool = self._new_pool()
        self._idle: SimpleQueue[tuple[Network, Callable[[], AbstractContextManager[Any]]]] = SimpleQueue()
        for _ in range(self._number):
            self._idle.put((_copy_with_shared_weights(network), self._queue_context()))

    def __enter__(self) -> Self:
        if self._device.type == "cpu":
            torch.set_num_threads(1)  # threads inherit the number when they start
        sys.setswitchinterval(_SWITCH_INTERVAL)
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)
        self._pool = self._new_pool()
        torch.set_num_threads(self._threads)
        sys.setswitchinterval(self._switch_interval)

    def map(self, function: Callable[[Network, Item], Result], items: Iterable[Item]) -> Iterator[Result]:
        """Yield `function(network, item)` for every item, in order; computes only a few items ahead."""
        submitted = (self._pool.submit(self._run, function, item) for item in items)  # lazily, when taken from here
        waiting = deque(itertools.islice(submitted, ITEMS_PER_STREAM * self._number))
        while waiting:
            result = waiting.popleft().result()
            waiting.extend(itertools.islice(submitted, 1))
            yield result

    def _run(self, function: Callable[[Network, Item], Result], item: Item) -> Result:
        network, queue_context = self._idle.get()
        try:
            with queue_context(), torch.inference_mode():
                return function(network, item)
        finally:
            self._idle.put((network, queue_context))

    def _new_pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._number, thread_name_prefix="stream")

    def _queue_context(self) -> Callable[[], AbstractContextManager[Any]]:
        """Return a factory of contexts that use a new CUDA queue; of empty contexts on other devices."""
        if self._device.type != "cuda":
            return nullcontext
        stream = torch.cuda.Stream(self._device)
        stream.wait_stream(torch.cuda.current_stream(self._device))  # the weights may still be being copied
        return lambda: torch.cuda.stream(stream)


def _copy_with_shared_weights(network: Network) -> Network:
    """Copy a network for another thread: tensors are shared, the hooks that read layers are not."""
    tensors = itertools.chain(network.parameters(), network.buffers())
    return copy.deepcopy(network, {id(tensor): tensor for tensor in tensors})
