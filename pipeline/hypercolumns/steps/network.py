"""Check early that the device and the networks in the parameters can be used."""

from typing import TYPE_CHECKING

from hypercolumns.parameters import BackboneParameters, Parameters

if TYPE_CHECKING:
    from hypercolumns.backbones import Backbone


def check_networks(parameters: Parameters) -> "Backbone | None":
    """Create the networks of `extract` and `detect` as these do, so that a mistake shows before anything is computed.

    Takes a few seconds, plus a download of weights that is needed anyway. The default network on the CPU is skipped:
    its weights are installed, and reading the parameters has checked its layers.

    Returns
    -------
    The network of `extract`, on its device; None if it is the default one.

    Raises
    ------
    InputError
        If the device does not exist; if `create_backbone` refuses the model, its layers or their order, the weights or
        the input size; if a layer is a vector where a map is needed; if the network does not accept entire photographs
        where it must; or if the engine cannot run it.
    """
    if _is_default(parameters):
        return None
    # Torch and its libraries take seconds to import.
    import numpy as np

    from hypercolumns.backbones import create_backbone
    from hypercolumns.backbones.engines import prepare
    from hypercolumns.backbones.spatial import spatial
    from hypercolumns.detection.crops import backbone_of_crops
    from hypercolumns.detection.run import require_maps
    from hypercolumns.devices import choose_device
    from hypercolumns.features.extraction import block_shapes
    from hypercolumns.features.photograph_maps import photograph_maps

    device = choose_device(parameters.compute.device)
    photograph = np.zeros((375, 500, 3), dtype=np.uint8)
    backbone = create_backbone(parameters.backbone, parameters.seed).to(device)
    if parameters.regions.mode == "image":
        whole = prepare(spatial(backbone), device, "photographs")
        photograph_maps(whole, photograph, parameters.regions.short_side, device)
    else:
        backbone = prepare(backbone, device, "crops")
        block_shapes(backbone)
    if parameters.detection.source == "own":
        settings = parameters.backbone.model_copy(update={"layers": parameters.detection.layers})
        maps = create_backbone(settings, parameters.seed, "detection.layers")
        require_maps(maps)
        detector = prepare(maps, device, "photographs")
        photograph_maps(detector, photograph, parameters.detection.short_side, device)
        if parameters.rescores:
            block_shapes(prepare(backbone_of_crops(maps, parameters.rescoring), device, "crops"))
    return backbone


def _is_default(parameters: Parameters) -> bool:
    """Whether the networks are known to work: the default one, on a device that exists, with maps to detect on."""
    backbone, default = parameters.backbone, BackboneParameters()
    is_same = backbone.model_copy(update={"layers": default.layers, "file": default.file}) == default
    return is_same and parameters.compute.device in ("auto", "cpu") and "pooled" not in parameters.detection.layers
