"""Read the tensors of a network from a file and load them."""

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from hypercolumns.errors import InputError

MAX_LISTED_TENSORS = 6
"""Tensor names that a message lists before it abbreviates."""


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read tensors by name from a safetensors file or from a state dict saved with `torch.save`.

    The state dict may be nested under the key `state_dict` or `model`. Code in the file is never executed.

    Raises
    ------
    InputError
        When the file is missing or holds something else.
    """
    if not path.is_file():
        raise InputError(
            f"backbone.file: the file {path} does not exist. Name a weights file, or choose backbone.weights: "
            f"packaged, library or random."
        )
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # Both readers raise errors of any type for broken files. Torch's messages recommend unsafe loading: hide them.
        raise InputError(
            f"backbone.file: {path} is not a readable weights file ({type(error).__name__}); use a .safetensors file "
            f"or a state dict saved with torch.save."
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
    """Load `tensors` into `network`, in place.

    Parameters
    ----------
    source
        Origin of the tensors, for messages.

    Raises
    ------
    InputError
        When tensors are missing, unexpected or of another shape; names them and `source`.
    """
    expected = network.state_dict()
    problems = {
        "missing": [n for n in expected if n not in tensors and not n.endswith("num_batches_tracked")],
        "unexpected": [n for n in tensors if n not in expected],
        "other shapes": [
            f"{n} {tuple(tensors[n].shape)} instead of {tuple(expected[n].shape)}"
            for n in expected
            if n in tensors and tensors[n].shape != expected[n].shape
        ],
    }
    if any(problems.values()):
        found = "; ".join(f"{kind}: {_abbreviate(names)}" for kind, names in problems.items() if names)
        raise InputError(f"backbone.weights: the tensors of {source} do not fit the network; {found}.")
    network.load_state_dict(dict(tensors), strict=False)


def _abbreviate(names: list[str]) -> str:
    more = len(names) - MAX_LISTED_TENSORS
    return ", ".join(names[:MAX_LISTED_TENSORS]) + (f" and {more} more" if more > 0 else "")
