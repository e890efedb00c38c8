"""Choose the device that tensors are computed on."""

import torch

from hypercolumns.errors import InputError


def choose_device(name: str) -> torch.device:
    """Choose the device named by `compute.device`; auto prefers cuda, then mps, then cpu.

    Raises
    ------
    InputError
        When the machine or the build of torch does not have the device.

    Examples
    --------
    >>> choose_device("cpu")
    device(type='cpu')
    """
    supported = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    available = [device for device, is_available in supported.items() if is_available]
    if name not in ("auto", *available):
        raise InputError(
            f"compute.device is {name!r}, which this machine or its build of torch does not support; choose auto, "
            f"{', '.join(available)}."
        )
    return torch.device(available[0] if name == "auto" else name)
