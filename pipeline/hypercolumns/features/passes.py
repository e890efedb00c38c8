"""A pass of the network, and its maps on their way to the store: half precision, checked, in memory of the host."""

from collections.abc import Mapping
from contextlib import AbstractContextManager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hypercolumns.backbones import Backbone
from hypercolumns.errors import InputError
from hypercolumns.features.half import LARGEST

PASS = 16
"""Regions per forward pass, always: kernels round differently for other numbers, so the last pass of a shard is padded.
Speed does not depend on it from 4 on (CPU); it divides `schema.SHARD`."""

Blocks = dict[str, NDArray[np.float16]]
"""(regions, channels, y, x) by layer."""


def precision(device: torch.device) -> str:
    """How a device computes, in words."""
    return f"{device.type}, float16 autocast" if device.type == "cuda" else f"{device.type}, float32"


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """Values of the host on the device; for CUDA from pinned memory, so that the copy does not hold up the thread."""
    if device.type == "cuda":
        return values.pin_memory().to(device, non_blocking=True)
    return values.to(device)


def run(backbone: Backbone, images: Tensor) -> dict[str, Tensor]:
    """Maps of (n, 3, height, width) images on their device, in full passes whose rest is zero."""
    parts = [_pass(backbone, part) for part in images.split(PASS)]
    return {layer.name: torch.cat([maps[layer.name] for maps in parts]) for layer in backbone.layers}


def computing(device: torch.device) -> AbstractContextManager[object]:
    """The context in which the network computes with the device's `precision`."""
    return torch.autocast(device.type, torch.float16, enabled=device.type == "cuda")


def to_host(maps: Mapping[str, Tensor], backbone: Backbone) -> Blocks:
    """Maps as float16 arrays, numbers beyond its range as its largest.

    Raises
    ------
    InputError
        When a map holds values that are no numbers.
    """
    halves = {name: values.clamp(-LARGEST, LARGEST).half().contiguous() for name, values in maps.items()}
    broken = {name: values.amax().isnan() for name, values in halves.items()}
    on_host = {name: values.to("cpu", non_blocking=True) for name, values in halves.items()}
    # Only now, since asking waits until the device is done, copies included.
    for name, is_broken in broken.items():
        if is_broken:
            raise InputError(
                f"The layer {name!r} of the backbone {backbone.name} gives values that are no numbers (NaN); check its "
                f"weights ({backbone.weights}), or run with compute.device=cpu if they overflow in half precision."
            )
    if any(values.is_cuda for values in halves.values()):
        torch.cuda.current_stream().synchronize()
    return {name: values.numpy() for name, values in on_host.items()}


def _pass(backbone: Backbone, images: Tensor) -> dict[str, Tensor]:
    """Maps of up to `PASS` images."""
    missing = PASS - len(images)
    full = torch.cat([images, images.new_zeros((missing, *images.shape[1:]))]) if missing else images
    with torch.inference_mode(), computing(images.device):
        maps = backbone(full.contiguous(memory_format=torch.channels_last))
    return {name: values[: len(images)] for name, values in maps.items()}
