"""Train and apply the baselines of a task: the top layer alone, and K = 1."""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.cluster.connection import connect
from hypercolumns.cluster.workers import PREDICTING, TRAINING
from hypercolumns.definitions import find_task
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.comparisons import baseline_specs
from hypercolumns.parameters import Parameters
from hypercolumns.scratch.publishing import publish
from hypercolumns.scratch.work import locked
from hypercolumns.steps.predict import predicting
from hypercolumns.steps.train import train_specs
from hypercolumns.workspace import Workspace

logger = logging.getLogger(__name__)


def predict_baselines(parameters: Parameters, workspace: Workspace, task: str) -> tuple[str, ...]:
    """Train the baselines of a task and write their predictions, if the section of the task asks for them.

    Returns
    -------
    Names of the baselines; empty when `baselines` is false, or no instance of val that counts is annotated for the
    task.

    Raises
    ------
    InputError
        If an input is missing, or a category has neither training regions nor a shared grid.
    """
    folder = workspace.baselines(task)
    reason = _reason_to_skip(parameters, workspace, task)
    if reason:
        notice = f"{task}: {reason}, nothing is compared"
        with _replacing(folder, workspace.scratch) as new:
            (new / "README").write_text(notice + "\n")  # DVC warns about empty folders
        logger.info(notice)
        return ()
    specs = baseline_specs(FeatureStore.open(workspace.features("train")).layers, parameters.ablate.grid)
    with (
        locked(workspace.scratch),  # fitted cells and finished pieces are kept until everything is written
        connect(parameters.compute, (*TRAINING, *PREDICTING)) as client,
    ):
        models = train_specs(parameters, workspace, task, list(specs.values()), client)
        with (
            predicting(parameters, workspace, task, models, client) as predictions,
            _replacing(folder, workspace.scratch) as new,
        ):
            for name, prediction in zip(specs, predictions, strict=True):
                prediction["detection"].write_results(new / f"{name}.json")
                prediction["ground_truth"].write_results(new / f"{name}_ground_truth.json")
    logger.info("%s: predicted with %s", task, " and ".join(specs))
    return tuple(specs)


def _reason_to_skip(parameters: Parameters, workspace: Workspace, task: str) -> str | None:
    """Say why the baselines are not needed; None if they are."""
    if not parameters.task_section(task).baselines:
        return f"{task}.baselines is false"
    is_annotated = find_task(task).is_annotated
    val = AnnotationSet.load(workspace.annotations("val"))
    if not any(is_annotated(instance) and not instance.ignore for instance in val.instances):
        return f"no instance of val that counts is annotated with {task}"
    return None


@contextmanager
def _replacing(folder: Path, scratch: Path) -> Iterator[Path]:
    """Provide an empty folder within a `with` block, which takes the place of `folder` if no error leaves the block."""
    scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="baselines-", dir=scratch) as unfinished:
        new = Path(unfinished) / folder.name
        new.mkdir()
        yield new
        publish(new, folder)
