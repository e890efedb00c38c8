"""The one place that imports torchvision and timm, so that they work next to a torch they were not compiled for.

With a CPU build of torch, torchvision's wheel from PyPI cannot load its compiled operators, and `import torchvision`
fails with "operator torchvision::nms does not exist". Declaring the two operators that the import looks for cures it;
models, transforms and feature extraction then work.
"""

import importlib.machinery
import importlib.util
import sys
from pathlib import Path

import torch
from torch import Tensor

_DECLARATIONS: list[torch.library.Library] = []  # operators live as long as the library object that declared them


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Greedy non-maximum suppression as `torchvision.ops.nms` defines it.

    Parameters
    ----------
    boxes
        (n, 4) x0, y0, x1, y1.
    scores
        (n,)
    iou_threshold
        A box goes when it overlaps a better one that stays by more than this.

    Returns
    -------
    Row numbers of the boxes that stay, best first, int64.
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
    """Whether torchvision's compiled operators are there and fit this torch; loads them if so."""
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
