"""The steps of the pipeline as functions: parameters and a workspace in, files and what was made out.

Every step reads what earlier ones wrote into the same workspace, and can be called from a notebook as well as from
the command line. One line about the result goes to the log.

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
    # Imported when asked for: one step needs torch, another Dask, none needs all.
    if name in _MODULES:
        return getattr(importlib.import_module(f"hypercolumns.steps.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
