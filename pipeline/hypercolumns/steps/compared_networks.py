"""The networks to compare, from a list in YAML: each is the section `backbone` of the parameters, or part of it."""

from collections.abc import Mapping
from typing import Any

from hypercolumns.annotations.valid_names import require_name
from hypercolumns.errors import InputError
from hypercolumns.parameters import BackboneParameters, Parameters
from hypercolumns.parameters.backbone import LAYERS


def read_networks(content: Any, parameters: Parameters, source: str) -> dict[str, Parameters]:
    """Make the parameters of every network that is compared.

    Parameters
    ----------
    content
        A section `backbone` by the name of the network. Layers, weights and engine that are left out are those that
        `list_layers` suggests: nothing is taken from the section `backbone` of `parameters`.
    parameters
        Everything else, the same for all. Regions are those of the ground truth, and the only task is segmentation.
        Grids that would be adapted to each category are shared as `auto` says, which takes a tenth of the time.
    source
        Name of the list, for messages.

    Raises
    ------
    InputError
        If the list is not a mapping of sections, or a section is not valid.
    """
    if not isinstance(content, dict) or not content:
        raise InputError(
            f"{source} must be a mapping from names of your choice to sections as `backbone` in params.yaml, such as "
            "`ResNet-50: {name: timm:resnet50}`."
        )
    networks = {}
    for name, section in content.items():
        if not isinstance(name, str) or not isinstance(section, dict):
            raise InputError(f"{source}: the entry {name!r} must be a mapping such as {{name: efficientnet_lite0}}.")
        require_name(name, f"{source}: an entry")
        networks[name] = _complete(section, parameters, f"{source}, {name}")
    return networks


def _complete(section: Mapping[str, Any], parameters: Parameters, source: str) -> Parameters:
    if {"layers", "weights", "engine"} <= set(section):
        return _with_backbone(section, parameters, source)
    default = BackboneParameters()
    name = str(section.get("name", default.name))
    placeholders = {"layers": LAYERS.get(name, default.layers)[:1], "weights": "random"}
    checked = _with_backbone({**placeholders, **section}, parameters, source).backbone
    from hypercolumns.backbones.listing import list_layers  # torch takes seconds to import

    try:
        listing = list_layers(checked.name, checked.input_size)
    except InputError as error:
        raise InputError(f"{source}: {error}") from None
    suggested = {"layers": listing.features, "weights": listing.weights, "engine": listing.engine}
    return _with_backbone({**suggested, **section}, parameters, source)


def _with_backbone(section: Mapping[str, Any], parameters: Parameters, source: str) -> Parameters:
    content = parameters.model_dump(mode="json")
    sharing = "auto" if parameters.train.sharing == "adapted" else parameters.train.sharing
    return Parameters.of(
        {
            **content,
            "tasks": ["segmentation"],
            "backbone": section,
            "detection": {**content["detection"], "source": "ground_truth"},
            "train": {**content["train"], "sharing": sharing},
        },
        source,
    )
