"""Predict a task in all detections of val and, for diagnosis, in all its ground-truth boxes."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from distributed import Client

from hypercolumns import definitions
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.results import write_results
from hypercolumns.cluster.connection import connect
from hypercolumns.cluster.workers import PREDICTING
from hypercolumns.definitions import create_task, find_task
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.model import GridModel
from hypercolumns.parameters import Parameters
from hypercolumns.scratch.digests import digest
from hypercolumns.scratch.work import locked
from hypercolumns.tasks.heat_maps import write_heat_maps
from hypercolumns.tasks.kept_parts import Prediction
from hypercolumns.tasks.prediction import predict
from hypercolumns.workspace import Workspace

logger = logging.getLogger(__name__)


def predict_task(parameters: Parameters, workspace: Workspace, task: str) -> dict[str, Prediction]:
    """Predict with the trained model of a task, and write results and heat maps.

    Returns
    -------
    Predictions by kind of region: `detection` and `ground_truth`.

    Raises
    ------
    InputError
        If the task is unknown, an input is missing, or the model was trained for other targets or categories.
    """
    find_task(task)
    model = GridModel.open(workspace.model(task))
    store = FeatureStore.open(workspace.features("val"))
    with locked(workspace.scratch):  # finished parts are kept until everything is written
        with connect(parameters.compute, PREDICTING) as client:
            (predictions,) = predict_val(parameters, workspace, task, [model], client, keep_heat=("ground_truth",))
        detected, annotated = predictions["detection"], predictions["ground_truth"]
        write_results(detected.results, workspace.predictions(task))
        write_results(annotated.results, workspace.ground_truth_predictions(task))
        instance_ids = store.regions["instance"].to_numpy()[annotated.rows]
        boxes = store.expanded_boxes[annotated.rows]
        write_heat_maps(workspace.heat_maps(task), instance_ids, boxes, annotated.heat)
    counts = len(detected.results), len(annotated.results)
    logger.info("%s: %d predictions in detections, %d in ground-truth boxes", task, *counts)
    return predictions


def predict_val(
    parameters: Parameters,
    workspace: Workspace,
    task: str,
    models: Sequence[GridModel],
    client: Client,
    *,
    kinds: tuple[str, ...] = ("detection", "ground_truth"),
    keep_heat: tuple[str, ...] = (),
) -> list[dict[str, Prediction]]:
    """Predict with each model on the val store.

    Parameters
    ----------
    kinds
        Kinds of regions to predict.
    keep_heat
        Kinds of regions whose heat maps are returned as well.

    Returns
    -------
    Predictions by kind of region, one dictionary per model.
    """
    task_key = _task_key(parameters, workspace, task)
    # Predictions must not depend on the instances, and workers do not need them.
    annotations = replace(AnnotationSet.load(workspace.annotations("val")), instances=())
    return predict(
        workspace.features("val"),
        create_task(task, annotations, parameters),
        models,
        parameters.predict,
        client,
        kinds=kinds,
        proposals=workspace.proposals("val"),
        keep_heat=keep_heat,
        scratch=workspace.scratch if task_key else None,
        task_key=task_key,
    )


def _task_key(parameters: Parameters, workspace: Workspace, task: str) -> dict[str, Any] | None:
    """Describe a task for `predict`; None if its code, which may change between two runs, is not in the package."""
    if getattr(find_task(task).create, "__module__", None) != definitions.__name__:
        return None
    section = parameters.task_section(task).model_dump(mode="json")
    return {"name": task, "section": section, "annotations": digest(workspace.annotations("val"))}
