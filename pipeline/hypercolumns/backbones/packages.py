"""Packages that compute maps, and so belong to the origin of features."""

import importlib.metadata
from collections.abc import Iterable

from hypercolumns.parameters.backbone import Engine

ENGINE_PACKAGES: dict[Engine, tuple[str, ...]] = {"onnxruntime": ("onnx", "onnxruntime"), "torch": ()}
"""Packages of each engine besides torch. The package onnx writes the models that onnxruntime runs."""


def installed_versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of packages by name."""
    return {name: importlib.metadata.version(name) for name in packages}
