"""Backbones for whole photographs, of which every layer must be a map, so that a region's part can be taken from it."""

import torch

from hypercolumns.backbones.backbone import Backbone
from hypercolumns.backbones.taps import source_of_mean, trace
from hypercolumns.errors import InputError


def spatial(backbone: Backbone) -> Backbone:
    """The backbone with every layer as a map: of what global average pooling averages, the map before it.

    The mean of such a map over a region is what the pooled layer means for a region. Ours.

    Raises
    ------
    InputError
        When a layer is a vector of another kind (fully connected, class token), which says nothing of a place.
    """
    vectors = {name for name, layer in zip(backbone.taps, backbone.layers, strict=True) if layer.stride == 0}
    taps = dict(backbone.taps)
    side = backbone.input_size
    noise = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0)).to(backbone.device)
    for name in vectors:
        source = source_of_mean(backbone.network, taps[name], trace(backbone.network, noise), noise)
        if source is None:
            works = ", ".join(repr(layer) for layer in taps if layer not in vectors) or "(none of these)"
            raise InputError(
                f"backbone.layers: {name!r} of {backbone.name} is one vector for a whole photograph, no average of a "
                f"map, so it has no part for each region as regions.mode 'image' needs; leave it out (layers that are "
                f"maps: {works}), or choose regions.mode warp."
            )
        taps[name] = source
    return Backbone(
        backbone.name,
        backbone.network,
        taps,
        side,
        backbone.mean,
        backbone.std,
        backbone.weights,
        backbone.weights_sha256,
    ).to(backbone.device)
