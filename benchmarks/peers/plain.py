"""The plain script that a user would write: crops by PIL, hooks on a timm network, one float32 array per photograph.

It runs in the project's environment; the programs in the peers' environment share its settings.
"""

import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

MODULES = (*(f"blocks.{i}" for i in range(2, 6)), "global_pool")
"""Modules of the project's default layers, which cannot be imported in the peers' environment."""

SIDE, BATCH = 224, 16
"""Side of a crop in pixels, and crops per forward pass."""


def features(case: dict[str, Any], network: torch.nn.Module, out: Path) -> tuple[float, int]:
    """Write the features of every photograph's boxes as .npy files.

    Parameters
    ----------
    case
        "photographs": list of {"path", "boxes"}; boxes are x0, y0, x1, y1, already expanded.
    network
        A network in evaluation mode that has the modules `MODULES`.
    out
        Folder for the files.

    Returns
    -------
    Seconds, and bytes of the files.
    """
    kept: dict[str, torch.Tensor] = {}
    for name in MODULES:
        network.get_submodule(name).register_forward_hook(
            lambda _module, _input, output, name=name: kept.__setitem__(name, output.clone())
        )
    start = time.perf_counter()
    size = 0
    for number, photograph in enumerate(case["photographs"]):
        picture = Image.open(photograph["path"]).convert("RGB")
        crops = [picture.crop(box).resize((SIDE, SIDE), Image.Resampling.BILINEAR) for box in photograph["boxes"]]
        batch = torch.from_numpy(np.stack([np.asarray(crop) for crop in crops])).permute(0, 3, 1, 2).float() / 127.5 - 1
        with torch.no_grad():
            parts: list[list[np.ndarray[Any, Any]]] = []
            for piece in batch.split(BATCH):
                network(piece)
                parts.append([kept[name].flatten(1).numpy() for name in MODULES])
        rows = np.concatenate([np.concatenate(part, axis=1) for part in parts])
        np.save(out / f"{number}.npy", rows)
        size += (out / f"{number}.npy").stat().st_size
    return time.perf_counter() - start, size
