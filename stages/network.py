"""Whether the network of the parameters can be had: asked by the first stage, since it is wanted minutes later.

It only refuses and changes no result, so that no stage depends on it.
"""

from pipeline.parameters import BackboneParameters, Parameters


def check_network(params: Parameters) -> None:
    """Make the network once, as `detect` and `extract` will, unless it is the default one.

    The default comes with the project, and reading the parameters has checked its layers. Of any other network the
    libraries must tell the layers, and its weights may be missing: seconds, and the download that is needed anyway.

    Raises
    ------
    InputError
        What `backbones.create` refuses: models, layers, their order, weights and input sizes.
    """
    backbone, default = params.backbone, BackboneParameters()
    if backbone.model_copy(update={"layers": default.layers, "file": default.file}) == default:
        return
    from pipeline.backbones import create  # torch and its libraries take seconds to import

    create(backbone, params.seed)
    if params.detection.source == "own":
        layers = params.detection.layers
        create(backbone.model_copy(update={"layers": layers}), params.seed, "detection.layers")
