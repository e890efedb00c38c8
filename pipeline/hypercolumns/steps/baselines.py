"""Train and apply the baselines of a task: the top layer alone, and K = 1."""

import logging
import shutil
from pathlib import Path

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.results import write_results
from hypercolumns.cluster.connection import connect
from hypercolumns.cluster.workers import PREDICTING, TRAINING
from hypercolumns.definitions import find_task
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.comparisons import baseline_specs
from hypercolumns.parameters import Parameters
from hypercolumns.scratch.work import locked
from hypercolumns.steps.predict import predict_val
from hypercolumns.steps.train import train_specs
from hypercolumns.tasks.kept_parts import Prediction
from hypercolumns.workspace import Workspace

logger = logging.getLogger(__name__)


def predict_baselines(parameters: Parameters, workspace: Workspace, task: str) -> dict[str, dict[str, Prediction]]:
    """Train the baselines of a task and write their predictions, if the section of the task asks for them.

    Returns
    -------
    Predictions by baseline and kind of region; empty when `baselines` is false, or no instance of val that counts is
    annotated for the task.

    Raises
    ------
    InputError
        If an input is missing, or a category has neither training regions nor a shared grid.
    """
    folder = workspace.baselines(task)
    reason = _reason_to_skip(parameters, workspace, task)
    if reason:
        notice = f"{task}: {reason}, nothing is compared"
        _clear(folder)
        (folder / "README").write_text(notice + "\n")  # DVC warns about empty folders
        logger.info(notice)
        return {}
    specs = baseline_specs(FeatureStore.open(workspace.features("train")).layers, parameters.ablate.grid)
    with locked(workspace.scratch):  # fitted cells and finished parts are kept until everything is written
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


def _reason_to_skip(parameters: Parameters, workspace: Workspace, task: str) -> str | None:
    """Say why the baselines are not needed; None if they are."""
    if not parameters.task_section(task).baselines:
        return f"{task}.baselines is false"
    is_annotated = find_task(task).is_annotated
    val = AnnotationSet.load(workspace.annotations("val"))
    if not any(is_annotated(instance) and not instance.ignore for instance in val.instances):
        return f"no instance of val that counts is annotated with {task}"
    return None


def _clear(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
