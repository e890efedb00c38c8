"""Engines that compute the passes of a backbone: PyTorch, or on the CPU also ONNX Runtime."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from hypercolumns.backbones.backbone import Backbone
from hypercolumns.backbones.conversion import Sizes, convert
from hypercolumns.backbones.taps import Tap
from hypercolumns.parameters.backbone import Engine


class OnnxBackbone(Backbone):
    """A backbone whose passes run in ONNX Runtime, in about half the time on the CPU; made by `prepare`.

    Takes images of the sizes that it was prepared for. The network itself is shared with the original.
    """

    memory_format = torch.contiguous_format

    def __init__(self, original: Backbone, sizes: Sizes, scratch: Path | None) -> None:
        super().__init__(
            original.name,
            original.network,
            original.taps,
            original.input_size,
            original.mean,
            original.std,
            original.weights,
            original.weights_sha256,
            original.engine,
        )
        self._sizes, self._scratch = sizes, scratch
        self._session = convert(original, sizes, scratch)

    def with_taps(self, taps: Mapping[str, Tap]) -> "OnnxBackbone":
        """Make a backbone with other layers that shares the network, and convert it."""
        return OnnxBackbone(super().with_taps(taps), self._sizes, self._scratch)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Compute the maps of the chosen layers; see `Backbone.forward`."""
        return self._session(images)


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
        Folder that keeps converted networks, which the caller holds; None: each call converts anew.

    Raises
    ------
    InputError
        If the engine cannot run the network.
    """
    backbone = backbone.to(device)
    return backbone if engine_on(device, backbone) == "torch" else OnnxBackbone(backbone, sizes, scratch)
