"""A small value that says what a backbone is made from: worker processes make the same one from it, and keep it."""

import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch

from hypercolumns.backbones.backbone import Backbone
from hypercolumns.backbones.conversion import Sizes
from hypercolumns.backbones.creation import create_backbone
from hypercolumns.backbones.engines import prepare
from hypercolumns.backbones.taps import Tap
from hypercolumns.errors import InputError
from hypercolumns.parameters.backbone import BackboneParameters

_KEPT = 4
"""Networks that a process keeps."""

_lock = threading.Lock()


@dataclass(frozen=True)
class Blueprint:
    """Makes copies of a backbone in other processes."""

    settings: BackboneParameters
    seed: int
    taps: tuple[tuple[str, Tap], ...]
    input_size: int
    weights_sha256: str

    @classmethod
    def of(cls, backbone: Backbone) -> "Blueprint":
        """Describe a backbone that `create_backbone` made, or one with other layers that shares its network.

        Raises
        ------
        ValueError
            For any other backbone.
        """
        if backbone.made_from is None:
            raise ValueError("only a backbone that `create_backbone` made can be made again in another process")
        settings, seed = backbone.made_from
        if settings.weights == "file":
            settings = settings.model_copy(update={"file": str(Path(settings.file).expanduser().absolute())})
        return cls(settings, seed, tuple(backbone.taps.items()), backbone.input_size, backbone.weights_sha256)

    def prepared(self, device: torch.device, sizes: Sizes) -> Backbone:
        """Make the backbone ready to compute on a device; this process keeps it for the next call.

        Raises
        ------
        InputError
            As `create_backbone`, or if this machine has other weights.
        """
        with _lock:  # threads wait for the first of them to make it
            return _prepared(self, device, sizes)


@lru_cache(_KEPT)
def _prepared(blueprint: Blueprint, device: torch.device, sizes: Sizes) -> Backbone:
    torch.set_num_threads(1)  # a worker runs a task per thread
    created = create_backbone(blueprint.settings, blueprint.seed)
    if created.weights_sha256 != blueprint.weights_sha256:
        raise InputError(
            f"A worker has other weights of {created.name} than the client ({created.weights_sha256[:12]}..., not "
            f"{blueprint.weights_sha256[:12]}...); give it the same file or the same packages."
        )
    return prepare(created.with_taps(dict(blueprint.taps), blueprint.input_size), device, sizes)
