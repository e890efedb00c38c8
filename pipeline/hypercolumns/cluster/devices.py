"""The device that computes the passes of a network: of this process, or of the workers."""

from typing import TYPE_CHECKING

import torch

from hypercolumns.devices import choose_device

if TYPE_CHECKING:
    from distributed import Client


def device_of_networks(client: "Client | None", name: str) -> torch.device:
    """Choose the device that `compute.device` names; with a client, among the devices of a worker.

    Raises
    ------
    InputError
        When this machine, or the worker, lacks the device.
    """
    if client is None:
        return choose_device(name)
    from hypercolumns.cluster.mapping import resources_of_networks  # Dask takes half a second to import

    resources = resources_of_networks(client) or None
    return torch.device(client.submit(_device, name, pure=False, resources=resources).result())


def _device(name: str) -> str:
    return choose_device(name).type
