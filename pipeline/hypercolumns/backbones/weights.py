"""Loading the tensors of a network from a file."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from hypercolumns.errors import InputError

SHOWN = 6  # names listed in a message


def read_weights(path: Path) -> dict[str, Tensor]:
    """Tensors by name from a safetensors file or one that `torch.save` wrote (a state dict, bare or under a key).

    Raises
    ------
    InputError
        When the file is missing or holds something else; nothing in it is executed.
    """
    if not path.is_file():
        raise InputError(
            f"backbone.file: the file {path} does not exist. Name a file of weights, or choose backbone.weights: "
            f"packaged, library or random."
        )
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # Broken files make the two readers raise anything; torch's texts advise unsafe loading, so they are not shown.
        raise InputError(
            f"backbone.file: {path} is no readable file of weights ({type(error).__name__}): a .safetensors file "
            f"or a state dict saved with torch.save is wanted."
        ) from None
    for key in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not all(isinstance(v, Tensor) for v in content.values()):
        raise InputError(
            f"backbone.file: {path} must hold tensors by name (a state dict), not a {type(content).__name__}."
        )
    return dict(content)


def load_weights(network: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    """Put `tensors` into `network`.

    Raises
    ------
    InputError
        Naming `source` and the tensors that are missing, unexpected or of another shape.
    """
    own = network.state_dict()
    missing = [n for n in own if n not in tensors and not n.endswith("num_batches_tracked")]
    unexpected = [n for n in tensors if n not in own]
    reshaped = [
        f"{n} {tuple(tensors[n].shape)} instead of {tuple(own[n].shape)}"
        for n in own
        if n in tensors and tensors[n].shape != own[n].shape
    ]
    problems = [
        f"{kind}: {', '.join(names[:SHOWN])}{f' and {len(names) - SHOWN} more' if len(names) > SHOWN else ''}"
        for kind, names in (("missing", missing), ("unexpected", unexpected), ("other shapes", reshaped))
        if names
    ]
    if problems:
        raise InputError(f"backbone.weights: the tensors of {source} do not fit the network; {'; '.join(problems)}.")
    network.load_state_dict(dict(tensors), strict=False)
