"""Train and apply the baselines of a task: the top layer alone, and K = 1."""

import logging
import shutil
from pathlib import Path

from hypercolumns.annotations.results import write_results
from hypercolumns.cluster.connection import connect
from hypercolumns.cluster.workers import PREDICTING, TRAINING
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.comparisons import baseline_specs
from hypercolumns.parameters import Parameters
from hypercolumns.steps.predict import predict_val
from hypercolumns.steps.train import train_specs
from hypercolumns.tasks.prediction import Prediction
from hypercolumns.workspace import Workspace

logger = logging.getLogger(__name__)


def predict_baselines(parameters: Parameters, workspace: Workspace, task: str) -> dict[str, dict[str, Prediction]]:
    """Train the baselines of a task and write their predictions, if the section of the task asks for them.

    Returns
    -------
    Predictions by baseline and kind of region; empty when `baselines` is false.

    Raises
    ------
    InputError
        If an input is missing, or a category has neither training regions nor a shared grid.
    """
    folder = workspace.baselines(task)
    if not parameters.task_section(task).baselines:
        notice = f"{task}: {task}.baselines is false, nothing is compared"
        _clear(folder)
        (folder / "README").write_text(notice + "\n")  # DVC warns about empty folders
        logger.info(notice)
        return {}
    specs = baseline_specs(FeatureStore.open(workspace.features("train")).layers, parameters.ablate.grid)
    with connect(parameters.compute, (*TRAINING, *PREDICTING)) as client:
        models = train_specs(parameters, workspace, task, list(specs.values()), client)
        predictions = predict_val(parameters, workspace, task, models, client)
    _clear(folder)
    by_name = dict(zip(specs, predictions, strict=True))
    for name, prediction in by_name.items():
        write_results(prediction["detection"].results, folder / f"{name}.json")
        write_results(prediction["ground_truth"].results, folder / f"{name}_ground_truth.json")
    logger.info("%s: predicted with %s", task, " and ".join(specs))
    return by_name


def _clear(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
