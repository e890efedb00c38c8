"""Weights that claim too much, or hold what no network has, are refused in one paragraph."""

import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from hypercolumns.backbones.weights import read_weights
from hypercolumns.errors import InputError


class Program:
    """Pickled, it is a command."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("exit 1",)


def saved(content: object) -> Callable[[Path], object]:
    return lambda path: torch.save(content, path)


def compressed(path: Path) -> None:
    """Zeros that `torch.save` did not write."""
    torch.save({"a": torch.zeros(1_000_000)}, path)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, entry in entries.items():
            archive.writestr(name, entry)


def huge(path: Path) -> None:
    """A hole, which takes no space on the disk."""
    with path.open("wb") as stream:
        stream.truncate(6 * 2**30)


def header(length: int, content: object) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(struct.pack("<Q", length) + json.dumps(content).encode())


ABSURD = {"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}
FILES: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "a named pipe": ("pt", os.mkfifo, "not a regular file"),
    "a device": ("pt", lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
    "6 GB": ("pt", huge, "more than the 4096 MB"),
    "6 GB of safetensors": ("safetensors", huge, "more than the 4096 MB"),
    "a shape of terabytes": ("safetensors", header(len(json.dumps(ABSURD)), ABSURD), "not a readable weights file"),
    "a header of exabytes": ("safetensors", header(2**62, {}), "not a readable weights file"),
    "NaN": ("safetensors", lambda path: save_file({"a": torch.tensor([torch.nan])}, path), "NaN or infinite"),
    "a program": ("pt", lambda path: path.write_bytes(pickle.dumps({"a": Program()})), "not a readable weights file"),
    "a compressed archive": ("pt", compressed, "is compressed"),
    "a number repeated": ("pt", saved({"a": torch.zeros(1).expand(2**40)}), "fewer numbers"),
    "no numbers": ("pt", saved({"a": torch.empty(2**40, device="meta")}), "without content"),
    "a sparse tensor": ("pt", saved({"a": torch.sparse_coo_tensor(size=(2**30, 2**30))}), "sparse"),
    "complex numbers": ("pt", saved({"a": torch.zeros(1, dtype=torch.complex64)}), "complex"),
    "numbers as names": ("pt", saved({1: torch.zeros(1)}), "tensors by name"),
    "a list": ("pt", saved([torch.zeros(1)]), "tensors by name"),
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_not_the_weights_of_a_network_is_refused(name: str, tmp_path: Path) -> None:
    suffix, write, message = FILES[name]
    path = tmp_path / f"weights.{suffix}"
    write(path)
    with pytest.raises(InputError, match=message) as error:
        read_weights(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_sound_weights_are_read(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"weights.{suffix}"
    tensors = {"a": torch.arange(3.0), "b": torch.ones((2, 2), dtype=torch.float16)}
    (torch.save if suffix == "pt" else save_file)(tensors, path)
    found = read_weights(path)
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], tensors[name]) for name in tensors)
