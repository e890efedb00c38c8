"""A frozen network that returns the maps of chosen layers."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from hypercolumns.backbones.taps import Tap, collect
from hypercolumns.errors import InputError
from hypercolumns.parameters.backbone import BackboneParameters, Engine

_Colour = tuple[float, float, float]
_Arguments = tuple[str, nn.Module, Mapping[str, Tap], int, _Colour, _Colour, str, str, Engine]


@dataclass(frozen=True)
class Layer:
    """A layer of a backbone.

    Attributes
    ----------
    name
        As in `params.yaml`.
    channels
        Number of channels.
    stride
        Distance between neighbouring cells in input pixels; 0 for a vector (1 x 1 for any input).
    cells
        Cells per side that the map is averaged to; None if it is not.
    norm
        Module that normalises the tokens of the layer; None if none does.
    """

    name: str
    channels: int
    stride: int
    cells: int | None = None
    norm: str | None = None

    @property
    def key(self) -> list[str | int]:
        """Properties that tell the values of this layer from those of others of the same network."""
        special = [value for value in (self.cells, self.norm) if value is not None]
        return [self.name, self.channels, self.stride, *special]


class Backbone(nn.Module):
    """A frozen network in evaluation mode that computes the maps of chosen layers; made by `create_backbone`.

    Attributes
    ----------
    name
        As in `params.yaml`.
    layers
        Names, channels and strides, in the order of `params.yaml`.
    input_size
        Side in pixels of the crops that the network was made for.
    mean, std
        Normalisation of RGB in 0..1. Pixels outside a photograph have the colour `mean`.
    taps
        Tap of each layer in the network.
    weights, weights_sha256
        Origin of the weights (packaged, library, random, file), and the digest of all tensors.
    engine
        Engine that features are computed with on the CPU; see `engines.prepare`. The backbone itself runs in PyTorch.
    memory_format
        Layout in which images are taken fastest.
    """

    memory_format = torch.channels_last

    made_from: tuple[BackboneParameters, int] | None = None
    """Parameters and seed that `create_backbone` was given; see `blueprint`."""

    _mean: Tensor
    _scale: Tensor

    def __init__(
        self,
        name: str,
        network: nn.Module,
        taps: Mapping[str, Tap],
        input_size: int,
        mean: _Colour,
        std: _Colour,
        weights: str,
        weights_sha256: str,
        engine: Engine,
    ) -> None:
        super().__init__()
        self.name, self.input_size = name, input_size
        self.mean, self.std = mean, std
        self.weights, self.weights_sha256, self.engine = weights, weights_sha256, engine
        self.taps = dict(taps)
        self.layers = tuple(Layer(layer, tap.channels, tap.stride, tap.cells, tap.norm) for layer, tap in taps.items())
        self._tapped_modules = tuple({tap.module: None for tap in taps.values()})
        # Channels last in memory halve the time of convolutions on the CPU.
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.register_buffer("_mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("_scale", 1 / torch.tensor(std).view(3, 1, 1), persistent=False)
        self.eval().requires_grad_(False)

    @property
    def device(self) -> torch.device:
        """Current device, where images must be too; `to` changes it in place."""
        return self._mean.device

    @property
    def normalised(self) -> list[str]:
        """Names of the layers whose tokens the final norm of the network normalises."""
        return [layer.name for layer in self.layers if layer.norm is not None]

    def with_taps(self, taps: Mapping[str, Tap], input_size: int | None = None) -> "Backbone":
        """Make a backbone with other layers, and for other crops if a size is given; shares network and device."""
        made = Backbone(*self._arguments(taps, input_size)).to(self.device)
        made.made_from = self.made_from
        return made

    def averaged(self, cells: int, input_size: int | None = None) -> "Backbone":
        """Make a backbone that averages every map to `cells` x `cells` cells; otherwise as `with_taps`."""
        return self.with_taps({name: replace(tap, cells=cells) for name, tap in self.taps.items()}, input_size)

    def _arguments(self, taps: Mapping[str, Tap], input_size: int | None = None) -> "_Arguments":
        """Arguments that make a backbone with the same network."""
        origin = self.weights, self.weights_sha256, self.engine
        return self.name, self.network, taps, input_size or self.input_size, self.mean, self.std, *origin

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Compute the maps of the chosen layers, running the network no deeper than they need.

        Parameters
        ----------
        images
            (b, 3, height, width), RGB in 0..1; normalised here.

        Returns
        -------
        (b, channels, y, x) by layer, in the order of `layers`.

        Raises
        ------
        InputError
            When the network does not accept images of this size (fully connected layers, position embeddings).
        """
        height, width = images.shape[-2:]
        normalised = (images - self._mean) * self._scale
        try:
            outputs = collect(self.network, self._tapped_modules, normalised)
            return {
                name: tap.as_map(self._normalise(tap, outputs[tap.module]), height, width)
                for name, tap in self.taps.items()
            }
        except (RuntimeError, AssertionError, ValueError) as error:
            if (height, width) == (self.input_size, self.input_size) or isinstance(error, torch.OutOfMemoryError):
                raise
            raise InputError(
                f"The backbone {self.name} with the layers {', '.join(self.taps)} takes images of {self.input_size} x "
                f"{self.input_size} pixels, not {width} x {height}: {' '.join(str(error).split())}"
            ) from None

    def _normalise(self, tap: Tap, output: Tensor) -> Tensor:
        if tap.norm is None:
            return output
        normalised: Tensor = self.network.get_submodule(tap.norm)(output)
        return normalised


def state_sha256(network: nn.Module) -> str:
    """SHA-256 of the names, types, shapes and bytes of all tensors; does not depend on the file format."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        values = tensor.detach().cpu().contiguous()
        digest.update(f"{name} {values.dtype} {tuple(values.shape)}\0".encode())
        digest.update(values.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
