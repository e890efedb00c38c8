"""A model in ONNX Runtime that threads share, each computing on the core it runs on."""

from typing import Any

import torch
from torch import Tensor

IMAGES = "images"
"""Name of the input of a model; its outputs are named like the layers."""


class Session:
    """Computes the maps of an ONNX model; threads may call it side by side.

    Parameters
    ----------
    model
        Content of an ONNX file.

    Notes
    -----
    A pass runs in the thread that calls it, and on one core: cores that share a sum round it differently, and ONNX
    Runtime keeps the maps of different calls apart. One session for all threads saves copies of the weights and is as
    fast as a session for each.
    """

    def __init__(self, model: bytes) -> None:
        import onnxruntime  # a tenth of a second, and 78 MB on disk

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4  # errors are raised
        self._session: Any = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self._names = [output.name for output in self._session.get_outputs()]

    def __call__(self, images: Tensor) -> dict[str, Tensor]:
        """Compute the maps (b, channels, y, x) of images (b, 3, height, width) in 0..1, by layer, all float32."""
        outputs = self._session.run(None, {IMAGES: images.contiguous().numpy()})
        return {name: torch.from_numpy(values) for name, values in zip(self._names, outputs, strict=True)}
