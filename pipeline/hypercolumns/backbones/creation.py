"""Making a backbone from its parameters; channels and strides of its layers are measured in one pass."""

import difflib
import math
from collections import Counter
from collections.abc import Mapping

import torch
from torch import nn

from hypercolumns.backbones.backbone import Backbone, state_sha256
from hypercolumns.backbones.registry import find, with_weights
from hypercolumns.backbones.taps import Outputs, Tap, measure, trace
from hypercolumns.errors import InputError
from hypercolumns.parameters import BackboneParameters

LISTED = 60  # names in a message; large networks have hundreds of modules


def create_backbone(settings: BackboneParameters, seed: int = 0, key: str = "backbone.layers") -> Backbone:
    """A frozen backbone with the layers of `settings`.

    Parameters
    ----------
    settings
        Name, weights, layers and input size.
    seed
        Of random weights; without meaning for others.
    key
        The parameter that the layers come from, for messages.

    Raises
    ------
    InputError
        For an unknown model or layer (listing the valid ones), layers that do not go from fine to coarse (with the
        right order), weights that are missing or do not fit, or an input size that the network does not take.
    """
    repeated = [name for name, n in Counter(settings.layers).items() if n > 1]
    if repeated:
        raise InputError(f"{key} names {repeated[0]!r} more than once; name each wanted layer once.")
    recipe = find(settings.name)
    network = with_weights(settings, recipe, seed).eval()
    digest = state_sha256(network)
    recipe.fold(network)
    outputs = _trace(settings, network)
    taps = _taps(settings, outputs, recipe.modules, recipe.prefix(network), key)
    _check_order(taps, outputs, key)
    return Backbone(
        settings.name, network, taps, settings.input_size, recipe.mean, recipe.std, settings.weights, digest
    )


def _trace(settings: BackboneParameters, network: nn.Module) -> Outputs:
    size = settings.input_size
    try:
        return trace(network, torch.zeros(1, 3, size, size))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise InputError(
            f"backbone.input_size: {settings.name} does not take images of {size} x {size} pixels "
            f"({' '.join(str(error).split())})."
        ) from None


def _taps(
    settings: BackboneParameters, outputs: Outputs, modules: Mapping[str, str] | None, prefix: int | None, key: str
) -> dict[str, Tap]:
    taps = {}
    for layer in settings.layers:
        module = layer if modules is None else modules.get(layer, "")
        if module not in outputs.shapes:
            raise InputError(f"{key}: {settings.name} has no layer {layer!r}; {_valid(layer, outputs, modules)}.")
        if module in outputs.repeated:
            raise InputError(
                f"{key}: {settings.name} uses the module {layer!r} more than once in a pass, so its name "
                f"does not say which output is meant; name the module around it."
            )
        tap = measure(outputs, module, settings.input_size, prefix)
        if tap is None:
            size, shape = settings.input_size, outputs.shapes[module][1:]
            raise InputError(
                f"{key}: the output of {layer!r} of {settings.name} has the shape {shape} for {size} x "
                f"{size} pixels, which cannot be told to be a map, tokens of a square grid or a vector; choose another "
                f"layer or input size."
            )
        taps[layer] = tap
    return taps


def _check_order(taps: Mapping[str, Tap], outputs: Outputs, key: str) -> None:
    """Refuse layers that do not go from fine to coarse; of equal stride, the one that the network computes first leads.

    The last layer is the top of the ablations and baselines, so an order that is not meant would name another.
    """
    computed = list(outputs.shapes)
    # A vector, of stride 0, is the coarsest.
    ordered = sorted(taps, key=lambda layer: (taps[layer].stride or math.inf, computed.index(taps[layer].module)))
    if list(taps) != ordered:
        raise InputError(f"{key} is [{', '.join(taps)}]; name layers from fine to coarse: [{', '.join(ordered)}].")


def _valid(layer: str, outputs: Outputs, modules: Mapping[str, str] | None) -> str:
    """The valid layers in a message: all where they are few, else the close and the outer ones."""
    names = list(modules) if modules is not None else [n for n in outputs.shapes if n not in outputs.repeated]
    if len(names) <= LISTED:
        return f"choose among {', '.join(names)}"
    close = difflib.get_close_matches(layer, names, n=5, cutoff=0.4)
    outer = [n for n in names if n.count(".") <= 1 and n not in close][: LISTED - len(close)]
    return f"choose among its modules, such as {', '.join(close + outer)}, ... ({len(names)} in all)"
