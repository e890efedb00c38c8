"""A backbone and the grids on its layers as one network: from warped crops to heat maps."""

from torch import Tensor, nn

from hypercolumns.backbones import Backbone
from hypercolumns.errors import InputError, choices
from hypercolumns.export.grids import Grids
from hypercolumns.features.extraction import block_shapes
from hypercolumns.grid.model import GridModel
from hypercolumns.grid.scoring import Blending


class CropNetwork(nn.Module):
    """A backbone and the grids on its layers: heat maps of warped crops."""

    def __init__(self, backbone: Backbone, grids: Grids) -> None:
        super().__init__()
        self.backbone, self.grids = backbone, grids

    def forward(self, crops: Tensor, category: Tensor | None = None) -> Tensor:
        """Compute the probability of every target at every location of warped crops.

        Parameters
        ----------
        crops
            (n, 3, side, side) float32 RGB in 0..1; the backbone normalises them.
        category
            As for `Grids.forward`.

        Returns
        -------
        (n, target, heat_map, heat_map) in 0..1.
        """
        heat: Tensor = self.grids(self.backbone(crops), category)
        return heat


def heat_map_network(model: GridModel, backbone: Backbone, blending: Blending = "probability") -> CropNetwork:
    """Make a torch module that computes the heat maps of warped crops.

    Parameters
    ----------
    model
        Trained grids.
    backbone
        The network that the grids were trained on; it may have more layers than they need. It is shared, not copied.
    blending
        As for `heat_maps`.

    Returns
    -------
    A module from crops (n, 3, side, side) to heat maps (n, target, heat_map, heat_map). Its attribute `grids` is the
    module without the backbone, from the maps of its layers to heat maps.

    Raises
    ------
    InputError
        If the backbone lacks a layer of the model, or the layer has another number of channels.
    """
    needed = set(model.spec.layers)
    missing = [layer for layer in model.spec.layers if layer not in backbone.taps]
    if missing:
        raise InputError(
            f"The grids were trained on the layer {missing[0]!r}, which the backbone {backbone.name} was created "
            f"without; it has {choices(backbone.taps)}."
        )
    fitted = backbone.with_taps({layer: tap for layer, tap in backbone.taps.items() if layer in needed})
    shapes = block_shapes(fitted)
    for layer, (channels, _, _) in shapes.items():
        trained = model.weights[layer].shape[-1]
        if trained != channels:
            raise InputError(
                f"The grids were trained on {trained} channels of the layer {layer!r}, but that of the backbone "
                f"{backbone.name} has {channels}; give the backbone that they were trained on."
            )
    map_sizes = {layer: (height, width) for layer, (_, height, width) in shapes.items()}
    return CropNetwork(fitted, Grids(model, map_sizes, blending)).eval()
