"""Packages that can change the bytes of features."""

import importlib.metadata
from collections.abc import Iterable

from hypercolumns.parameters.backbone import Engine

RECORDED_PACKAGES = ("numpy", "pillow", "timm", "torch", "torchvision", "zarr")
"""Packages whose versions stores and models name, besides those of the engine."""

ENGINE_PACKAGES: dict[Engine, tuple[str, ...]] = {"onnxruntime": ("onnx", "onnxruntime"), "torch": ()}
"""Packages of each engine besides torch. The package onnx writes the models that onnxruntime runs."""


def installed_versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of packages by name."""
    return {name: importlib.metadata.version(name) for name in packages}
