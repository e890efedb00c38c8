"""What the peers miss beside today's torch and NumPy; imported first by their programs, in their environment only."""

import sys
from importlib.machinery import ModuleSpec
from unittest.mock import MagicMock

import numpy as np
import torch

_LIBRARY = torch.library.Library("torchvision", "FRAGMENT")


def declare_operators() -> None:
    """A CPU build of torch and torchvision's wheel from PyPI do not fit; the import only wants these two declared."""
    if not hasattr(torch.ops.torchvision, "nms"):
        for name in ("nms", "qnms"):
            _LIBRARY.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def stand_in_for_tensorflow() -> None:
    """Thingsvision imports TensorFlow and a name of NumPy 1 for whatever it is used; its torch part needs neither."""
    setattr(np, "AxisError", np.exceptions.AxisError)  # noqa: B010 - NumPy's types have no such name
    for name in ("", ".keras", ".keras.applications", ".keras.layers"):
        sys.modules[f"tensorflow{name}"] = MagicMock(__spec__=ModuleSpec(f"tensorflow{name}", None))
