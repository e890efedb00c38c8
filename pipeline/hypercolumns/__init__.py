"""Cached hypercolumn features of any frozen backbone, and the K x K grids of linear classifiers on them.

The names in `__all__` are the public API; `hypercolumns.steps` has one function per step of the pipeline. Each name is
imported on first use, so that opening a store does not wait for torch.
"""

import importlib
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hypercolumns import steps
    from hypercolumns.annotations.formats import Format, register_format
    from hypercolumns.annotations.model import AnnotationSet
    from hypercolumns.backbones import create_backbone
    from hypercolumns.definitions import TaskDefinition, register_task
    from hypercolumns.errors import InputError
    from hypercolumns.features.extraction import extract
    from hypercolumns.features.store import FeatureStore
    from hypercolumns.grid.model import GridModel
    from hypercolumns.grid.scoring import heat_maps
    from hypercolumns.grid.spec import GridSpec
    from hypercolumns.grid.training import train_grids
    from hypercolumns.parameters import Parameters
    from hypercolumns.proposals.store import ProposalStore
    from hypercolumns.tasks.prediction import predict
    from hypercolumns.workspace import Workspace

_MODULES = {
    "AnnotationSet": "annotations.model",
    "FeatureStore": "features.store",
    "Format": "annotations.formats",
    "GridModel": "grid.model",
    "GridSpec": "grid.spec",
    "InputError": "errors",
    "Parameters": "parameters",
    "ProposalStore": "proposals.store",
    "TaskDefinition": "definitions",
    "Workspace": "workspace",
    "create_backbone": "backbones",
    "extract": "features.extraction",
    "heat_maps": "grid.scoring",
    "predict": "tasks.prediction",
    "register_format": "annotations.formats",
    "register_task": "definitions",
    "train_grids": "grid.training",
}
"""Module of each public name."""

__all__ = [
    "AnnotationSet",
    "FeatureStore",
    "Format",
    "GridModel",
    "GridSpec",
    "InputError",
    "Parameters",
    "ProposalStore",
    "TaskDefinition",
    "Workspace",
    "create_backbone",
    "extract",
    "heat_maps",
    "predict",
    "register_format",
    "register_task",
    "steps",
    "train_grids",
]

try:
    __version__ = version("hypercolumns")
except PackageNotFoundError:  # a checkout that is not installed
    __version__ = "0+unknown"


def __getattr__(name: str) -> Any:
    if name == "steps":
        return importlib.import_module("hypercolumns.steps")
    if name in _MODULES:
        return getattr(importlib.import_module(f"hypercolumns.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
