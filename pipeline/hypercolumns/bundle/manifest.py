"""The manifest of a bundle: what its models were trained for, on which network, with what result."""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec

from hypercolumns.annotations.model import Category
from hypercolumns.errors import InputError
from hypercolumns.input_files import is_file, is_inside, read_bytes, too_large
from hypercolumns.stores.manifest import FileRecord
from hypercolumns.stores.versions import refusal

NAME = "model.json"
"""Name of the manifest in the folder of a bundle."""

DETECTOR = "detector.zarr"
"""Name of the detector there."""

RESCORER = "rescorer.zarr"
"""Name of the second step of detection there."""

SCHEMA = "hypercolumns-model/4"

LARGEST = 64 * 2**20
"""Bytes of the largest manifest that is read."""


class Network(msgspec.Struct, frozen=True):
    """The frozen network; its weights are not part of the bundle."""

    name: str
    weights: str
    """Origin of the weights: packaged, library, random or file."""
    weights_sha256: str
    """Digest of all tensors."""
    input_size: int
    """Side in pixels of the squares that regions are warped to."""
    layers: tuple[str, ...]
    """Layers that the grids were trained on, from fine to coarse."""


class Regions(msgspec.Struct, frozen=True):
    """How regions are shown to the network."""

    mode: str
    """warp or image."""
    expansion: float
    """Factor by which both sides of a box are enlarged."""


class Ranking(msgspec.Struct, frozen=True):
    """The ranking of candidates: one piecewise linear function per feature, added up."""

    features: tuple[str, ...]
    knots: tuple[tuple[float, ...], ...]
    """(feature, knot), ascending."""
    values: tuple[tuple[float, ...], ...]
    """(feature, knot)."""
    bias: float


class Manifest(msgspec.Struct, frozen=True):
    """Description of a bundle, kept in it."""

    schema: str
    tasks: tuple[str, ...]
    """Names of the tasks; the grids of each are in `grids/NAME.zarr`."""
    network: Network
    regions: Regions
    categories: tuple[Category, ...]
    """With the names of their keypoints and parts, and the skeleton."""
    detects: bool
    """Whether there is a detector, in `detector.zarr`; without one, boxes have to be given."""
    rescores: bool
    """Whether detection has a second step, in `rescorer.zarr`."""
    thresholds: Mapping[str, float]
    """`mask`: the heat that a pixel of an object exceeds."""
    ranking: Ranking
    parameters: Mapping[str, Any]
    """Parameters of the training run, without those of its data set and machine."""
    metrics: Mapping[str, Any]
    """Figures measured on val, by task, and those of the proposals."""
    versions: Mapping[str, str]
    """Versions of the packages that results depend on."""
    files: Mapping[str, str]
    """SHA-256 of every other file by path."""
    sha256: str = ""
    """SHA-256 of this manifest without this entry."""

    def sealed(self) -> "Manifest":
        """Copy with its own digest."""
        unsealed = msgspec.structs.replace(self, sha256="")
        return msgspec.structs.replace(self, sha256=hashlib.sha256(unsealed.encode()).hexdigest())

    def encode(self) -> bytes:
        """JSON with one line per entry; equal manifests give equal bytes."""
        return msgspec.json.format(msgspec.json.encode(self, order="deterministic"), indent=1) + b"\n"

    @classmethod
    def read(cls, folder: Path, bundle: Path) -> "Manifest":
        """Read the manifest in the folder of a bundle.

        Parameters
        ----------
        folder
            Where it is unpacked.
        bundle
            The folder or archive, for messages.

        Raises
        ------
        InputError
            If there is none, or it is not one of this version.
        """
        path = folder / NAME
        try:
            content = read_bytes(path, LARGEST)
            schema = msgspec.json.decode(content, type=_Schema).schema
        except FileNotFoundError:
            raise InputError(f"{bundle} is not a trained model: it has no {NAME}.", "bundle") from None
        except (OSError, msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise InputError(f"{bundle}, {NAME}, is not the manifest of a trained model ({error}).", "bundle") from None
        if clause := refusal(schema, SCHEMA, "trained model", "bundle"):
            raise InputError(f"{bundle} {clause}.", "bundle")
        try:
            manifest = msgspec.json.decode(content, type=cls)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise InputError(f"{bundle} is damaged: {NAME}: {error}.", "bundle") from None
        if manifest.sealed().sha256 != manifest.sha256:
            raise InputError(f"{bundle} is damaged: {NAME} is not as it was written.", "bundle")
        for name in (*manifest.files, *manifest.tasks):
            if not is_safe(name):
                raise InputError(f"{bundle} names {name!r}, which does not lie in the folder.", "bundle")
        return manifest

    def faults(self, folder: Path) -> Iterator[str]:
        """Yield a clause for each file in the folder of the bundle that is missing or damaged."""
        for name, expected in self.files.items():
            if not is_file(folder / name):
                yield f"{name} is missing"
            elif fault := too_large((folder / name).stat().st_size):  # hashing it would take minutes
                yield f"{name} {fault}"
            elif FileRecord.measure(folder / name).sha256 != expected:
                yield f"the SHA-256 of {name} is not the one in {NAME}"


class _Schema(msgspec.Struct):
    schema: str


def grid_path(folder: Path, task: str) -> Path:
    """Store of the grids of a task in the folder of a bundle."""
    return folder / "grids" / f"{task}.zarr"


def is_safe(name: str) -> bool:
    """Whether a path from outside, with "/" between folders, stays below the folder that it is joined to."""
    return is_inside(name) and not set(name) & set("\\:") and str(PurePosixPath(name)) == name
