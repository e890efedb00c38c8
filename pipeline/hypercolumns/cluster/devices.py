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
    from hypercolumns.cluster.mapping import resources_of_networks, submit  # Dask takes half a second to import

    return torch.device(submit(client, _device, name, resources=resources_of_networks(client)).result())


def _device(name: str) -> str:
    return choose_device(name).type
