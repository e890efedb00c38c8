"""Import torchvision and timm, here only, so that they work with a build of torch they were not compiled for.

torchvision's wheel from PyPI cannot load its compiled operators into a CPU build of torch, and `import torchvision`
fails with "operator torchvision::nms does not exist". Declaring the two operators that the import looks up solves this;
models, transforms and feature extraction do not need the others.
"""

import importlib.machinery
import importlib.util
import sys
from pathlib import Path

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
    order = torch.argsort(scores, descending=True, stable=True)
    ranked = boxes[order]
    areas = (ranked[:, 2:] - ranked[:, :2]).prod(dim=1)
    alive = torch.ones(len(ranked), dtype=torch.bool)
    for i in range(len(ranked)):
        if not alive[i]:
            continue
        rest = ranked[i + 1 :]
        upper_left = torch.maximum(rest[:, :2], ranked[i, :2])
        lower_right = torch.minimum(rest[:, 2:], ranked[i, 2:])
        intersection = (lower_right - upper_left).clamp(min=0).prod(dim=1)
        alive[i + 1 :] &= intersection <= iou_threshold * (areas[i + 1 :] + areas[i] - intersection)
    return order[alive]


def _compiled_operators_load() -> bool:
    """Load torchvision's compiled operators and tell whether they fit this build of torch."""
    package = importlib.util.find_spec("torchvision")
    if package is None or package.origin is None:
        return False
    extension = importlib.machinery.PathFinder.find_spec("_C", [str(Path(package.origin).parent)])
    if extension is None or extension.origin is None:
        return False
    try:
        torch.ops.load_library(extension.origin)
    except (OSError, RuntimeError):
        return False
    return hasattr(torch.ops.torchvision, "nms")


def _declare_operators() -> None:
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.impl("nms", nms, "CPU")
    _DECLARATIONS.append(library)


if "torchvision" not in sys.modules and not _compiled_operators_load():
    _declare_operators()

import timm  # noqa: E402
import torchvision  # noqa: E402

__all__ = ["nms", "timm", "torchvision"]
