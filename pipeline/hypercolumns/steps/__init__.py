"""The steps of the pipeline as functions of the parameters and a workspace.

Each step reads what earlier steps wrote into the workspace, writes files of its own, returns the result and logs a
summary of it. Notebooks and the command line call the same functions.

Examples
--------
>>> from hypercolumns import Parameters, Workspace, steps
>>> parameters, workspace = Parameters.load("params.yaml"), Workspace()  # doctest: +SKIP
>>> steps.prepare_annotations(parameters, workspace)  # doctest: +SKIP
>>> steps.propose_regions(parameters, workspace)  # doctest: +SKIP
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hypercolumns.steps.ablate import ablate_layers
    from hypercolumns.steps.baselines import predict_baselines
    from hypercolumns.steps.detect import detect_objects
    from hypercolumns.steps.evaluate import evaluate_task
    from hypercolumns.steps.extract import extract_features
    from hypercolumns.steps.predict import predict_task
    from hypercolumns.steps.prepare import prepare_annotations
    from hypercolumns.steps.propose import propose_regions
    from hypercolumns.steps.report import write_report
    from hypercolumns.steps.train import train_task

_MODULES = {
    "prepare_annotations": "prepare",
    "propose_regions": "propose",
    "detect_objects": "detect",
    "extract_features": "extract",
    "train_task": "train",
    "predict_task": "predict",
    "predict_baselines": "baselines",
    "evaluate_task": "evaluate",
    "ablate_layers": "ablate",
    "write_report": "report",
}

__all__ = [
    "ablate_layers",
    "detect_objects",
    "evaluate_task",
    "extract_features",
    "predict_baselines",
    "predict_task",
    "prepare_annotations",
    "propose_regions",
    "train_task",
    "write_report",
]


def __getattr__(name: str) -> Any:
    # Import on first use: one step needs torch, another Dask, none needs everything.
    if name in _MODULES:
        return getattr(importlib.import_module(f"hypercolumns.steps.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
