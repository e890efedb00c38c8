"""Workarounds for peers with current torch and NumPy; their programs import this first, in their environment only."""

import sys
from importlib.machinery import ModuleSpec
from unittest.mock import MagicMock

import numpy as np
import torch

_LIBRARY = torch.library.Library("torchvision", "FRAGMENT")


def declare_operators() -> None:
    """Declare two operators, without which torchvision from PyPI cannot be imported beside a CPU build of torch."""
    if not hasattr(torch.ops.torchvision, "nms"):
        for name in ("nms", "qnms"):
            _LIBRARY.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def stand_in_for_tensorflow() -> None:
    """Replace TensorFlow and a name of NumPy 1, which thingsvision always imports and its torch part does not need."""
    setattr(np, "AxisError", np.exceptions.AxisError)  # noqa: B010 - NumPy's types have no such name
    for name in ("", ".keras", ".keras.applications", ".keras.layers"):
        sys.modules[f"tensorflow{name}"] = MagicMock(__spec__=ModuleSpec(f"tensorflow{name}", None))
