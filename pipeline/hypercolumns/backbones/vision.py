"""Import torchvision and timm, here only, so that they work with a build of torch they were not compiled for.

torchvision's wheel from PyPI cannot load its compiled operators into a CPU build of torch, and `import torchvision`
fails with "operator torchvision::nms does not exist". Declaring the two operators that the import looks up solves this;
models, transforms and feature extraction do not need the others.
"""

import importlib.machinery
import importlib.util
import sys

import torch
from torch import Tensor

_DECLARATIONS: list[torch.library.Library] = []
"""Keeps the declaring objects alive: operators disappear with them."""


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Greedy non-maximum suppression, as `torchvision.ops.nms` defines it.

    Parameters
    ----------
    boxes
        (n, 4) x0, y0, x1, y1.
    scores
        (n,)
    iou_threshold
        A box is dropped when it overlaps a kept, better one by more than this.

    Returns
    -------
    (kept,) int64 row numbers of the kept boxes, best first.

    Examples
    --------
    >>> boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30]])
    >>> nms(boxes, torch.tensor([0.8, 0.9, 0.1]), 0.5)
    tensor([1, 2])
    """
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)
    candidates = torch.argsort(scores, descending=True, stable=True)
    kept = []
    while len(candidates):
        best, rest = candidates[0], candidates[1:]
        kept.append(int(best))
        upper_left = torch.maximum(boxes[rest, :2], boxes[best, :2])
        lower_right = torch.minimum(boxes[rest, 2:], boxes[best, 2:])
        intersection = (lower_right - upper_left).clamp(min=0).prod(dim=1)
        candidates = rest[intersection <= iou_threshold * (areas[rest] + areas[best] - intersection)]
    return torch.tensor(kept, dtype=torch.int64)


def _compiled_operators_load() -> bool:
    """Load torchvision's compiled operators and tell whether they fit this build of torch."""
    package = importlib.util.find_spec("torchvision")
    extension = package and importlib.machinery.PathFinder.find_spec("_C", package.submodule_search_locations)
    if not extension:
        return False
    try:
        torch.ops.load_library(extension.origin)
    except (OSError, RuntimeError):
        return False
    return hasattr(torch.ops.torchvision, "nms")


def _declare_operators() -> None:
    library = torch.library.Library("torchvision", "FRAGMENT")
    # A library that loads only in part may have declared an operator before it failed, and a second declaration aborts
    # the process.
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    if not torch._C._dispatch_has_kernel_for_dispatch_key("torchvision::nms", "CPU"):
        library.impl("nms", nms, "CPU")
    _DECLARATIONS.append(library)


if "torchvision" not in sys.modules and not _compiled_operators_load():
    _declare_operators()

import timm  # noqa: E402
import torchvision  # noqa: E402

__all__ = ["nms", "timm", "torchvision"]
