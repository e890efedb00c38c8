"""A backbone whose kernels on a CUDA device are recorded once, and launched together for every later pass."""

import gc
import logging
import threading
from typing import Any

import torch
from torch import Tensor

from hypercolumns.backbones.backbone import Backbone

logger = logging.getLogger(__name__)

_recording = threading.Lock()
"""Held while a pass is recorded: the device may record one at a time, since each begins by waiting for all others."""

_WARM_UP_PASSES = 2
"""Passes before the recorded one, in which libraries choose their algorithms and take their memory."""


class GraphBackbone(Backbone):
    """A backbone for passes over equally many images of one size on a CUDA device; made by `engines.prepare`.

    Computes the same bytes as the original. Launching the kernels of a pass one by one takes the interpreter longer
    than the device needs for them: vision transformers are three times as fast like this. Copies, one for each thread,
    share the weights and record passes of their own.
    """

    def __init__(self, original: Backbone) -> None:
        super().__init__(*original._arguments(original.taps))
        self.to(original.device)
        self._recorded = _Recorded()

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Compute the maps of the chosen layers; see `Backbone.forward`. Gradients are not kept."""
        recorded = self._recorded
        if recorded.key != _key(images):
            self._record(images)
        if recorded.graph is None:
            return super().forward(images)
        assert recorded.images is not None  # noqa: S101 - there is a graph
        recorded.images.copy_(images)
        recorded.graph.replay()
        return {name: values.clone() for name, values in recorded.maps.items()}

    def _record(self, images: Tensor) -> None:
        recorded = self._recorded
        recorded.graph, recorded.maps, recorded.key = None, {}, _key(images)
        recorded.images = images.clone(memory_format=self.memory_format)
        # Weights that autocast keeps in half precision would not outlive the context they were made in.
        precision = torch.autocast(
            "cuda",
            torch.get_autocast_dtype("cuda"),
            enabled=torch.is_autocast_enabled("cuda"),
            cache_enabled=False,
        )
        with precision:
            for _ in range(_WARM_UP_PASSES):
                super().forward(recorded.images)
            graph = torch.cuda.CUDAGraph()
            with _recording:
                torch.cuda.current_stream().synchronize()
                gc.collect()  # tensors that die while a pass is recorded would end the recording
                try:
                    # Other threads go on allocating, copying and waiting meanwhile.
                    with torch.cuda.graph(graph, stream=torch.cuda.Stream(), capture_error_mode="thread_local"):
                        maps = super().forward(recorded.images)
                except RuntimeError as error:  # a network that looks at its values, or out of memory
                    reason = " ".join(str(error).split())[:200]
                    logger.warning("Passes of %s run kernel by kernel; recording failed: %s", self.name, reason)
                    return
        recorded.graph, recorded.maps = graph, maps


def _key(images: Tensor) -> tuple[torch.Size, torch.dtype, bool, torch.dtype]:
    """Everything that a recorded pass is fixed to."""
    return images.shape, images.dtype, torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda")


class _Recorded:
    """A pass that was recorded: the tensors that it reads and writes. Copies are empty."""

    def __init__(self) -> None:
        self.images: Tensor | None = None
        self.key: tuple[torch.Size, torch.dtype, bool, torch.dtype] | None = None
        self.maps: dict[str, Tensor] = {}
        self.graph: torch.cuda.CUDAGraph | None = None

    def __deepcopy__(self, _memo: dict[int, Any]) -> "_Recorded":
        return _Recorded()
