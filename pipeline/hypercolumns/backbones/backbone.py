"""A frozen network and the layers whose maps are wanted."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hypercolumns.backbones.taps import Tap, collect
from hypercolumns.errors import InputError


@dataclass(frozen=True)
class Layer:
    """A layer as `params.yaml` names it; `stride` in input pixels, 0 for a vector (1 x 1 for any input)."""

    name: str
    channels: int
    stride: int


class Backbone(nn.Module):
    """A frozen network in evaluation mode that maps photographs to the maps of its chosen layers.

    Made by `create_backbone`.

    Attributes
    ----------
    name
        As in `params.yaml`.
    layers
        Names, channels and strides, in the order of `params.yaml`.
    input_size
        Side in pixels of the crops that the network sees.
    mean, std
        Of RGB in 0..1; what lies outside of a photograph has the colour `mean`.
    taps
        Where each layer is read in the network.
    weights, weights_sha256
        Where the weights come from (packaged, library, random, file), and the digest of all tensors.
    """

    _mean: Tensor
    _scale: Tensor

    def __init__(
        self,
        name: str,
        network: nn.Module,
        taps: Mapping[str, Tap],
        input_size: int,
        mean: tuple[float, float, float],
        std: tuple[float, float, float],
        weights: str,
        weights_sha256: str,
    ) -> None:
        super().__init__()
        self.name = name
        self.layers = tuple(Layer(layer, tap.channels, tap.stride) for layer, tap in taps.items())
        self.input_size = input_size
        self.mean = mean
        self.std = std
        self.weights = weights
        self.weights_sha256 = weights_sha256
        self.taps = dict(taps)
        self._modules_wanted = tuple({tap.module: None for tap in taps.values()})
        # Convolutions on the CPU take half the time with channels last in memory.
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.register_buffer("_mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("_scale", 1 / torch.tensor(std).view(3, 1, 1), persistent=False)
        self.eval().requires_grad_(False)

    @property
    def device(self) -> torch.device:
        """Where it is now, which `to` changes in place: images must be there too."""
        return self._mean.device

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Maps of the chosen layers.

        Parameters
        ----------
        images
            (b, 3, height, width), RGB in 0..1; normalised in here.

        Returns
        -------
        (b, channels, y, x) by layer, in the order of `layers`. The network runs no deeper than they need.

        Raises
        ------
        InputError
            When the network does not take images of this size (fully connected layers, position embeddings).
        """
        height, width = images.shape[-2:]
        normalised = (images - self._mean) * self._scale
        try:
            outputs = collect(self.network, self._modules_wanted, normalised)
            return {name: tap.as_map(outputs[tap.module], height, width) for name, tap in self.taps.items()}
        except (RuntimeError, AssertionError, ValueError) as error:
            if (height, width) == (self.input_size, self.input_size) or isinstance(error, torch.OutOfMemoryError):
                raise
            raise InputError(
                f"The backbone {self.name} with the layers {', '.join(self.taps)} takes images of {self.input_size} x "
                f"{self.input_size} pixels, not {width} x {height}: {' '.join(str(error).split())}"
            ) from None


def state_sha256(network: nn.Module) -> str:
    """SHA-256 over names, types, shapes and bytes of all tensors of `network`; the same for any file format."""
    whole = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        values = tensor.detach().cpu().contiguous()
        whole.update(f"{name} {values.dtype} {tuple(values.shape)}\0".encode())
        whole.update(values.reshape(-1).view(torch.uint8).numpy())
    return whole.hexdigest()
