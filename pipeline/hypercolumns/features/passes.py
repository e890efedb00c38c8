"""Forward passes of the network over regions, and the way of their maps into half-precision arrays in host memory."""

from collections.abc import Mapping
from contextlib import AbstractContextManager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hypercolumns.backbones import Backbone
from hypercolumns.backbones.engines import engine_on
from hypercolumns.errors import InputError
from hypercolumns.features.half import FLOAT16_MAX
from hypercolumns.packages import ENGINE_PACKAGES, RECORDED_PACKAGES, installed_versions
from hypercolumns.stores.finite import has_only_finite

REGIONS_PER_PASS = 16
"""Size of every forward pass; the last pass is padded, because kernels round differently for other sizes. Any size from
4 on is equally fast on the CPU."""

Blocks = dict[str, NDArray[np.float16]]
"""(regions, channels, y, x) by layer."""


def precision(backbone: Backbone, device: torch.device) -> str:
    """Describe the precision and the engine in which the network computes on a device."""
    number = "float16 autocast" if device.type == "cuda" else "float32"
    engine = engine_on(device, backbone)
    return f"{device.type}, {number}" if engine == "torch" else f"{device.type}, {number}, {engine}"


def versions(backbone: Backbone, device: torch.device) -> dict[str, str]:
    """Versions of the packages that can change the bytes of features."""
    return installed_versions((*RECORDED_PACKAGES, *ENGINE_PACKAGES[engine_on(device, backbone)]))


def autocast(device: torch.device) -> AbstractContextManager[object]:
    """Context in which the network computes in the `precision` of the device."""
    return torch.autocast(device.type, torch.float16, enabled=device.type == "cuda")


def to_device(values: Tensor, device: torch.device) -> Tensor:
    """Copy values from the host to a device; for CUDA from pinned memory, so that the copy does not block."""
    if device.type == "cuda":
        return values.pin_memory().to(device, non_blocking=True)
    return values.to(device)


def run(backbone: Backbone, images: Tensor) -> dict[str, Tensor]:
    """Compute the maps of (n, 3, height, width) images on their device, in passes of `REGIONS_PER_PASS`."""
    parts = [_run_pass(backbone, part) for part in images.split(REGIONS_PER_PASS)]
    return {layer.name: torch.cat([maps[layer.name] for maps in parts]) for layer in backbone.layers}


def to_host(maps: Mapping[str, Tensor], backbone: Backbone) -> Blocks:
    """Copy maps to the host as float16 arrays, clipped to the range of float16.

    Raises
    ------
    InputError
        When a value of a map is NaN or infinite.
    """
    halves = {name: values.half().contiguous() for name, values in maps.items()}
    on_host = {name: values.to("cpu", non_blocking=True) for name, values in halves.items()}
    if any(values.is_cuda for values in halves.values()):
        torch.cuda.current_stream().synchronize()
    blocks = {name: values.numpy() for name, values in on_host.items()}
    for name, block in blocks.items():
        # Conversion turns too large values into infinity. Clip only then: it takes as long as the conversion.
        if not has_only_finite(block):
            if not maps[name].isfinite().all():
                raise InputError(
                    f"The layer {name!r} of the backbone {backbone.name} has values that are NaN or infinite; check "
                    f"its weights ({backbone.weights}), or set compute.device to cpu in case they overflow in half "
                    f"precision."
                )
            blocks[name] = maps[name].clamp(-FLOAT16_MAX, FLOAT16_MAX).half().contiguous().cpu().numpy()
    return blocks


def _run_pass(backbone: Backbone, images: Tensor) -> dict[str, Tensor]:
    """Compute the maps of up to `REGIONS_PER_PASS` images, padded with zeros to a full pass."""
    missing = REGIONS_PER_PASS - len(images)
    padded = torch.cat([images, images.new_zeros((missing, *images.shape[1:]))]) if missing else images
    with torch.inference_mode(), autocast(images.device):
        maps = backbone(padded.contiguous(memory_format=backbone.memory_format))
    return {name: values[: len(images)] for name, values in maps.items()}
