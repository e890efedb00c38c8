"""Where tensors are computed."""

import torch

from hypercolumns.errors import InputError


def choose_device(name: str) -> torch.device:
    """The device of `compute.device`; auto takes cuda, then mps, then cpu.

    Raises
    ------
    InputError
        When this machine has no such device.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(device for device, there in available.items() if there))
    if not available[name]:
        there = ", ".join(device for device, is_there in available.items() if is_there)
        raise InputError(
            f"compute.device is {name!r}, which this machine or this build of torch lacks; choose auto, {there}."
        )
    return torch.device(name)
