"""The layers of a network, measured without its weights, and a choice of them to begin with."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from hypercolumns.backbones.creation import trace_network
from hypercolumns.backbones.registry import Recipe, find_recipe, require_name
from hypercolumns.backbones.taps import OutputShapes, infer_tap
from hypercolumns.errors import InputError
from hypercolumns.parameters import BackboneParameters, DetectionParameters
from hypercolumns.parameters.backbone import Engine

MAX_LISTED = 48
"""Layers that are listed; of networks with more modules those that hold the others."""

STRIDES = (8, 16, 32)
"""Strides of the layers that are suggested, as those of the default network. Ours."""

BLOCKS = 4
"""Blocks of a transformer that are suggested, spread over its depth. DINOv2's evaluation takes four, too."""

_CHOSEN: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    **dict.fromkeys(("alexnet", "alexnet_caffe"), (("pool2", "conv4", "fc7"), ("conv4", "pool5"))),
    "vgg16": (("pool3", "pool4", "fc7"), ("pool4", "pool5")),
    **{f"efficientnet_lite{n}": (BackboneParameters().layers, DetectionParameters().layers) for n in range(3)},
}
"""Layers for regions and for detection of the networks with short names: the paper's, and those that were measured."""


@dataclass(frozen=True)
class ListedLayer:
    """A layer as `backbone.layers` names it, and its shape for a region."""

    name: str
    channels: int
    height: int
    width: int
    stride: int
    """Distance between neighbouring cells in input pixels; 0 for a vector."""

    @property
    def bytes(self) -> int:
        """Size of the block of a region in a feature store, before compression."""
        return 2 * self.channels * self.height * self.width


@dataclass(frozen=True)
class Listing:
    """The layers of a network, in the order in which they are computed."""

    backbone: str
    weights: str
    """Value of `backbone.weights` with which its trained weights are found."""
    input_size: int
    layers: tuple[ListedLayer, ...]
    features: tuple[str, ...]
    """A choice for `backbone.layers`, from fine to coarse."""
    detection: tuple[str, ...]
    """A choice for `detection.layers`, all of them maps."""
    engine: Engine
    """A choice for `backbone.engine`: torch where layers are tokens, whose positions are resampled to other sizes of
    images by what ONNX Runtime rarely has."""

    @property
    def bytes(self) -> int:
        """Size of the blocks of a region in the layers of `features`, before compression."""
        return sum(layer.bytes for layer in self.layers if layer.name in self.features)


def list_layers(name: str, input_size: int) -> Listing:
    """Measure the layers of a network for regions of `input_size` x `input_size` pixels.

    The network has neither weights nor values: only shapes are computed, in a second or two for any size of network.

    Parameters
    ----------
    name
        As for `backbone.name`.
    input_size
        As for `backbone.input_size`, in pixels.

    Raises
    ------
    InputError
        For an unknown name, with similar ones, a size that the network does not accept, or a network without a layer
        that can be used.
    """
    require_name(name)
    recipe = find_recipe(name)
    with torch.device("meta"):
        network = recipe.build().eval()
    outputs = trace_network(name, network, input_size)
    found: dict[str, ListedLayer] = {}
    tokens = set()
    for layer, module in (recipe.modules or {module: module for module in outputs.shapes}).items():
        tap = None if module in outputs.repeated else infer_tap(outputs, module, input_size, recipe.prefix(network))
        if tap is not None:
            values = torch.empty(outputs.shapes[module], device="meta")
            channels, height, width = tap.as_map(values, input_size, input_size).shape[1:]
            found[layer] = ListedLayer(layer, channels, height, width, tap.stride)
            if tap.form == "tokens":
                tokens.add(layer)
    if name in _CHOSEN:
        listed, (features, detection) = list(found), _CHOSEN[name]
    else:
        stages = [stage for stage in _stages(network, recipe, outputs) if stage in found]
        listed = _outer(found, network, stages)
        no_scores = [layer for layer in found.values() if not isinstance(network.get_submodule(layer.name), nn.Linear)]
        features, detection = _choose([found[layer] for layer in stages or listed], no_scores)
    if not features:
        raise InputError(
            f"No layer of {name} can be used: none returns a map, or a vector, of each region of {input_size} pixels."
        )
    weights = "packaged" if recipe.packaged else "library" if recipe.library else "file"
    engine: Engine = "torch" if tokens & {*features, *detection} else "onnxruntime"
    return Listing(name, weights, input_size, tuple(found[layer] for layer in listed), features, detection, engine)


def _stages(network: nn.Module, recipe: Recipe, outputs: OutputShapes) -> list[str]:
    """Modules that timm describes as stages, or the blocks of a transformer; empty if neither is known."""
    described = getattr(network, "feature_info", None) or ()
    stages = [info["module"] for info in described if isinstance(info, dict)]
    blocks = recipe.trunk[0] if recipe.trunk else ""
    return stages or [module for module in outputs.shapes if module.rpartition(".")[0] == blocks]


def _outer(found: dict[str, ListedLayer], network: nn.Module, stages: Sequence[str]) -> list[str]:
    """Modules down to the depth at which they are few enough, and all stages; without those that compute nothing."""
    modules = dict(network.named_modules())
    useful = [name for name in found if not isinstance(modules[name], nn.Identity | nn.Dropout)]
    depths = sorted({name.count(".") for name in useful})
    within = [{name for name in useful if name.count(".") <= depth} for depth in depths]
    kept = max((names for names in within if len(names) <= MAX_LISTED), key=len, default=next(iter(within), set()))
    return [name for name in useful if name in kept or name in stages]


def _choose(stages: Sequence[ListedLayer], layers: Sequence[ListedLayer]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Choose layers for regions and for detection.

    If maps have several strides: the last stage of each of `STRIDES`, and the vector that the network averages the last
    one to. Otherwise, as in transformers: some of the stages, evenly spread.
    """
    maps = [layer for layer in stages if layer.stride]
    by_stride: dict[int, ListedLayer] = {}
    for layer in maps:
        best = by_stride.get(layer.stride)
        if layer.stride in STRIDES and (best is None or layer.name.count(".") <= best.name.count(".")):
            by_stride[layer.stride] = layer
    if len(by_stride) > 1:
        chosen = [by_stride[stride].name for stride in sorted(by_stride)]
        return (*chosen, *_pooled(chosen[-1], layers)), tuple(chosen[-2:])
    count = min(BLOCKS, len(maps))
    chosen = [maps[math.ceil((i + 1) * len(maps) / count) - 1].name for i in range(count)]
    return tuple(chosen), tuple(chosen[-2:])


def _pooled(last: str, layers: Sequence[ListedLayer]) -> list[str]:
    """Name the first vector after the map `last`, by the outermost module that returns it."""
    names = [layer.name for layer in layers]
    vectors = {layer.name: layer for layer in layers[names.index(last) + 1 :] if not layer.stride}
    name = next(iter(vectors), "")
    while (outer := vectors.get(name.rpartition(".")[0])) and outer.channels == vectors[name].channels:
        name = outer.name
    return [name] if name else []
