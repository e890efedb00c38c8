"""Check early that the network in the parameters can be created.

The check changes no result, so no DVC stage depends on this module.
"""

from hypercolumns.parameters import BackboneParameters, Parameters


def check_network(parameters: Parameters) -> None:
    """Create the network as `detect` and `extract` will later, so that a mistake shows before anything is computed.

    The default network is skipped: its weights are installed, and reading the parameters has checked its layers. Any
    other takes a few seconds, plus a download of weights that is needed anyway.

    Raises
    ------
    InputError
        If `create_backbone` refuses the model, its layers or their order, the weights or the input size.
    """
    backbone, default = parameters.backbone, BackboneParameters()
    if backbone.model_copy(update={"layers": default.layers, "file": default.file}) == default:
        return
    from hypercolumns.backbones import create_backbone  # torch and its libraries take seconds to import

    create_backbone(backbone, parameters.seed)
    if parameters.detection.source == "own":
        layers = parameters.detection.layers
        create_backbone(backbone.model_copy(update={"layers": layers}), parameters.seed, "detection.layers")
