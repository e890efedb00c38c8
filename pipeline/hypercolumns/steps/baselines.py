"""Trains the top layer alone and K = 1, for comparison with a task, and answers with them."""

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
    """Train the baselines of a task and write their answers, if its section of the parameters asks for them.

    Returns
    -------
    By baseline and kind of region; empty when `baselines` is false.

    Raises
    ------
    InputError
        When an input is missing, or a category has neither training regions nor a grid to borrow.
    """
    folder = workspace.baselines(task)
    if not parameters.task_section(task).baselines:
        nothing = f"{task}: {task}.baselines is false, nothing is compared"
        _empty(folder)
        (folder / "README").write_text(nothing + "\n")  # DVC warns of empty outputs
        logger.info(nothing)
        return {}
    specs = baseline_specs(FeatureStore.open(workspace.features("train")).layers, parameters.ablate.grid)
    with connect(parameters.compute, (*TRAINING, *PREDICTING)) as client:
        models = train_specs(parameters, workspace, task, list(specs.values()), client)
        predictions = predict_val(parameters, workspace, task, models, client)
    _empty(folder)
    found = dict(zip(specs, predictions, strict=True))
    for name, prediction in found.items():
        write_results(prediction["detection"].results, folder / f"{name}.json")
        write_results(prediction["ground_truth"].results, folder / f"{name}_ground_truth.json")
    logger.info("%s: answers of %s", task, " and ".join(specs))
    return found


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
