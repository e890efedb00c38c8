"""Engines that compute the passes of a backbone: PyTorch, with CUDA graphs on a GPU, or ONNX Runtime on the CPU."""

import threading
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hypercolumns.backbones.backbone import Backbone
from hypercolumns.backbones.conversion import Sizes, convert
from hypercolumns.backbones.cuda_graph import GraphBackbone
from hypercolumns.backbones.session import Session
from hypercolumns.parameters.backbone import Engine


class OnnxBackbone(Backbone):
    """A backbone whose passes run in ONNX Runtime, in about half the time on the CPU; made by `prepare`.

    Takes images of the sizes that it was prepared for. The network is shared with the original, and converted at the
    first pass, so that nothing is converted where all features are known. Copies share the converted network.
    """

    memory_format = torch.contiguous_format

    def __init__(self, original: Backbone, sizes: Sizes, scratch: Path | None) -> None:
        super().__init__(*original._arguments(original.taps))
        self._conversion = _Conversion(original, sizes, scratch)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Compute the maps of the chosen layers; see `Backbone.forward`.

        Raises
        ------
        InputError
            If ONNX Runtime cannot run the network.
        """
        return self._conversion.session()(images)


class _Conversion:
    """Converts a backbone when a thread first needs it; copies are the same object."""

    def __init__(self, original: Backbone, sizes: Sizes, scratch: Path | None) -> None:
        self._arguments = original, sizes, scratch
        self._session: Session | None = None
        self._lock = threading.Lock()

    def session(self) -> Session:
        with self._lock:
            if self._session is None:
                self._session = convert(*self._arguments)
            return self._session

    def __deepcopy__(self, _memo: dict[int, Any]) -> "_Conversion":
        return self


def engine_on(device: torch.device, backbone: Backbone) -> Engine:
    """Engine that computes the passes on a device: that of the parameters on the CPU, PyTorch on all others."""
    return backbone.engine if device.type == "cpu" else "torch"


def prepare(backbone: Backbone, device: torch.device, sizes: Sizes, scratch: Path | None = None) -> Backbone:
    """Move a backbone to a device, in place, and let the engine of its parameters compute its passes there.

    Parameters
    ----------
    sizes
        Images that it will be given.
    scratch
        Folder that keeps converted networks, which the caller holds during passes; None: they are converted anew.
    """
    backbone = backbone.to(device)
    if engine_on(device, backbone) == "onnxruntime":
        return OnnxBackbone(backbone, sizes, scratch)
    return GraphBackbone(backbone) if device.type == "cuda" and sizes == "crops" else backbone
