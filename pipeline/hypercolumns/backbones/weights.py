"""Read the tensors of a network from a file and load them."""

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hypercolumns.errors import InputError
from hypercolumns.input_files import is_file, too_large

MAX_LISTED_TENSORS = 6
"""Tensor names that a message lists before it abbreviates."""


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read tensors by name from a safetensors file or from a state dict saved with `torch.save`.

    The state dict may be nested under the key `state_dict` or `model`. Code in the file is never executed.

    Raises
    ------
    InputError
        When the file is missing, is larger than 4 GB or expands, or holds something else.
    """
    if not is_file(path):
        raise InputError(
            f"backbone.file: the file {path} does not exist or is not a regular file. Name a weights file, or choose "
            f"backbone.weights: packaged, library or random."
        )
    try:
        _require_bounded(path)
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            content: Any = load_file(path)
        else:
            content = torch.load(path, map_location="cpu", weights_only=True)
    except InputError:
        raise
    except Exception as error:
        # Both readers raise errors of any type for broken files. Torch's messages recommend unsafe loading: hide them.
        raise InputError(
            f"backbone.file: {path} is not a readable weights file ({type(error).__name__}); use a .safetensors file "
            f"or a state dict saved with torch.save."
        ) from None
    for key in ("state_dict", "model"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    is_state = isinstance(content, Mapping) and all(isinstance(k, str) for k in content)
    if not is_state or not all(isinstance(v, Tensor) for v in content.values()):
        raise InputError(
            f"backbone.file: {path} must hold tensors by name (a state dict), not a {type(content).__name__}."
        )
    for name, tensor in content.items():
        if fault := _fault(tensor):
            raise InputError(f"backbone.file: the tensor {name!r} of {path} {fault}.")
    return dict(content)


def _require_bounded(path: Path) -> None:
    """Refuse a file that is too large, or an archive that is compressed, as `torch.save` never writes it.

    Raises
    ------
    InputError
        Naming the file and the limit.
    """
    size = path.stat().st_size
    if fault := too_large(size):
        raise InputError(f"backbone.file: {path} {fault}.")
    if path.suffix != ".safetensors" and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > size:
            raise InputError(
                f"backbone.file: {path} is compressed and would unpack to {unpacked / 2**20:.0f} MB; save it with "
                "torch.save, which does not compress."
            )


def _fault(tensor: Tensor) -> str | None:
    """Explain why a tensor is not one that a network can have; None if it is."""
    if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_quantized or tensor.is_complex():
        return "is sparse, quantised, complex or without content; save plain numbers"
    # A view may repeat one number a trillion times, and copies of it would take memory for all.
    if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        return f"has the shape {tuple(tensor.shape)}, but fewer numbers"
    if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
        return "has values that are NaN or infinite"
    return None


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
