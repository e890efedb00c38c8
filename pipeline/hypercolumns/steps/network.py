"""Checks early that the network of the parameters can be made.

The check only refuses and changes no result, so no DVC stage depends on this module.
"""

from hypercolumns.parameters import BackboneParameters, Parameters


def check_network(parameters: Parameters) -> None:
    """Make the network once, as `detect` and `extract` will minutes later, unless it is the default one.

    The default comes with the project, and reading the parameters has checked its layers. Other networks' layers are
    known to their libraries only, and their weights may be missing: seconds, and a download that is needed anyway.

    Raises
    ------
    InputError
        For models, layers, their order, weights and input sizes that `create_backbone` refuses.
    """
    backbone, default = parameters.backbone, BackboneParameters()
    if backbone.model_copy(update={"layers": default.layers, "file": default.file}) == default:
        return
    from hypercolumns.backbones import create_backbone  # torch and its libraries take seconds to import

    create_backbone(backbone, parameters.seed)
    if parameters.detection.source == "own":
        layers = parameters.detection.layers
        create_backbone(backbone.model_copy(update={"layers": layers}), parameters.seed, "detection.layers")
