"""Create a backbone from its parameters; one forward pass measures the channels and strides of its layers."""

import difflib
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import nn

from hypercolumns.backbones.backbone import Backbone, state_sha256
from hypercolumns.backbones.registry import Recipe, build_network, find_recipe
from hypercolumns.backbones.taps import OutputShapes, Tap, infer_tap, trace
from hypercolumns.errors import InputError
from hypercolumns.parameters import BackboneParameters

MAX_LISTED_LAYERS = 60
"""Layer names that a message lists before it selects; large networks have hundreds of modules."""


def create_backbone(settings: BackboneParameters, seed: int = 0, key: str = "backbone.layers") -> Backbone:
    """Create a frozen backbone with the layers of `settings`.

    Parameters
    ----------
    settings
        Name, weights, layers and input size.
    seed
        Seed of random weights; ignored for other weights.
    key
        The parameter that lists the layers, for messages.

    Raises
    ------
    InputError
        For an unknown model or layer (lists the valid ones), layers that are not ordered from fine to coarse (gives the
        right order), weights that are missing or do not fit, or an input size that the network does not accept.
    """
    recipe = find_recipe(settings.name)
    network = build_network(settings, recipe, seed).eval()
    digest = state_sha256(network)
    recipe.fold(network)
    taps = _find_taps(settings, network, recipe, key)
    origin = settings.weights, digest, settings.engine
    made = Backbone(settings.name, network, taps, settings.input_size, recipe.mean, recipe.std, *origin)
    made.made_from = settings, seed
    return made


def with_layers(backbone: Backbone, settings: BackboneParameters, key: str) -> Backbone:
    """Make a backbone with the layers of `settings` that shares the network and the device.

    Raises
    ------
    InputError
        As `create_backbone`, for the layers.
    """
    return backbone.with_taps(_find_taps(settings, backbone.network, find_recipe(settings.name), key))


def _find_taps(settings: BackboneParameters, network: nn.Module, recipe: Recipe, key: str) -> dict[str, Tap]:
    repeated = [name for name, n in Counter(settings.layers).items() if n > 1]
    if repeated:
        raise InputError(f"{key} names {repeated[0]!r} more than once; name each layer once.")
    outputs = trace_network(settings.name, network, settings.input_size)
    taps = _taps(settings, outputs, recipe.modules, recipe.prefix(network), key)
    _check_order(taps, outputs, key)
    return {layer: replace(tap, norm=_final_norm(network, recipe, tap)) for layer, tap in taps.items()}


def _final_norm(network: nn.Module, recipe: Recipe, tap: Tap) -> str | None:
    """Norm that a transformer applies after its last block, for the tokens of a block; None for other outputs.

    As `get_intermediate_layers(norm=True)` of DINOv2 and `forward_intermediates(norm=True)` of timm do. Models of timm
    that average the tokens normalise the average instead, and have an identity here.
    """
    if recipe.trunk is None or tap.form != "tokens":
        return None
    blocks, name = recipe.trunk
    norm = dict(network.named_modules()).get(name)
    is_block = tap.module.rpartition(".")[0] == blocks
    weight = getattr(norm, "weight", None)
    return name if is_block and weight is not None and weight.shape == (tap.channels,) else None


def trace_network(name: str, network: nn.Module, size: int) -> OutputShapes:
    """Record the output shapes of all modules for an image of `size` x `size` pixels on the device of the network.

    Raises
    ------
    InputError
        When the network does not accept images of this size.
    """
    device = next((values.device for values in network.parameters()), None)
    try:
        return trace(network, torch.zeros(1, 3, size, size, device=device))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise InputError(
            f"backbone.input_size: {name} does not take images of {size} x {size} pixels "
            f"({' '.join(str(error).split())})."
        ) from None


def _taps(
    settings: BackboneParameters, outputs: OutputShapes, modules: Mapping[str, str] | None, prefix: int | None, key: str
) -> dict[str, Tap]:
    named = {layer: layer if modules is None else modules.get(layer, "") for layer in settings.layers}
    if unknown := [layer for layer, module in named.items() if module not in outputs.shapes]:
        raise InputError(
            f"{key}: {settings.name} has no layer {' or '.join(map(repr, unknown))}; "
            f"{_valid_layers(unknown[0], outputs, modules)}. `hypercolumns layers {settings.name}` suggests some."
        )
    taps = {}
    for layer, module in named.items():
        if module in outputs.repeated:
            raise InputError(
                f"{key}: {settings.name} uses the module {layer!r} more than once per pass, so its name "
                f"does not identify one output; name the module that contains it."
            )
        tap = infer_tap(outputs, module, settings.input_size, prefix)
        if tap is None:
            size, shape = settings.input_size, outputs.shapes[module][1:]
            raise InputError(
                f"{key}: the output of {layer!r} of {settings.name} has the shape {shape} for {size} x "
                f"{size} pixels, which is not clearly a map, tokens of a square grid or a vector; choose another layer "
                f"or input size."
            )
        taps[layer] = tap
    return taps


def _check_order(taps: Mapping[str, Tap], outputs: OutputShapes, key: str) -> None:
    """Refuse layers that are not ordered from fine to coarse; layers of equal stride go in the order of the network.

    The last layer is the top layer of ablations and baselines, so a wrong order would silently select another one.
    """
    computed = list(outputs.shapes)
    # A vector has stride 0 but is the coarsest layer.
    ordered = sorted(taps, key=lambda layer: (taps[layer].stride or math.inf, computed.index(taps[layer].module)))
    if list(taps) != ordered:
        raise InputError(f"{key} is [{', '.join(taps)}]; name layers from fine to coarse: [{', '.join(ordered)}].")


def _valid_layers(layer: str, outputs: OutputShapes, modules: Mapping[str, str] | None) -> str:
    """List the valid layers for a message: all if they are few, else those similar to `layer` and the outer modules."""
    names = list(modules) if modules is not None else [n for n in outputs.shapes if n not in outputs.repeated]
    if len(names) <= MAX_LISTED_LAYERS:
        return f"choose among {', '.join(names)}"
    close = difflib.get_close_matches(layer, names, n=5, cutoff=0.4)
    outer = [n for n in names if n.count(".") <= 1 and n not in close][: MAX_LISTED_LAYERS - len(close)]
    return f"choose among its modules, such as {', '.join(close + outer)}, ... ({len(names)} in all)"
