"""Backbones for whole photographs: every layer is a map, so that the part that belongs to a region can be cut out."""

import torch

from hypercolumns.backbones.backbone import Backbone
from hypercolumns.backbones.taps import find_averaged_map, trace
from hypercolumns.errors import InputError


def spatial(backbone: Backbone) -> Backbone:
    """Replace every globally pooled layer of a backbone by the map that the network averages to compute it.

    The mean of that map over a region stands for the pooled layer of the region. Ours.

    Returns
    -------
    A backbone that shares the network and the device; all of its layers are maps.

    Raises
    ------
    InputError
        When a layer is another kind of vector (fully connected, class token), which has no spatial extent.
    """
    vectors = {name for name, tap in backbone.taps.items() if tap.stride == 0}
    taps = dict(backbone.taps)
    side = backbone.input_size
    noise = torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0)).to(backbone.device)
    for name in vectors:
        averaged = find_averaged_map(backbone.network, taps[name], trace(backbone.network, noise), noise)
        if averaged is None:
            maps = ", ".join(repr(layer) for layer in taps if layer not in vectors) or "(none of these)"
            raise InputError(
                f"backbone.layers: {name!r} of {backbone.name} is a single vector for the whole photograph and not the "
                f"average of a map, so regions.mode 'image' cannot cut regions out of it; leave it out (layers that "
                f"are maps: {maps}), or choose regions.mode warp."
            )
        taps[name] = averaged
    return backbone.with_taps(taps)
