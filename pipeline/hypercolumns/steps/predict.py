"""Predict a task in all detections of val and, for diagnosis, in all its ground-truth boxes."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from distributed import Client

from hypercolumns import definitions
from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.cluster.connection import connect
from hypercolumns.cluster.workers import PREDICTING
from hypercolumns.definitions import create_task, find_task
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.model import GridModel
from hypercolumns.parameters import Parameters
from hypercolumns.scratch.digests import digest
from hypercolumns.scratch.shared import storage_of_workers
from hypercolumns.scratch.work import locked
from hypercolumns.tasks.heat_maps import write_heat_maps
from hypercolumns.tasks.prediction import predict
from hypercolumns.tasks.predictions import Predictions
from hypercolumns.workspace import Workspace

logger = logging.getLogger(__name__)


def predict_task(parameters: Parameters, workspace: Workspace, task: str) -> dict[str, int]:
    """Predict with the trained model of a task, and write results and heat maps.

    Returns
    -------
    Number of results by kind of region: `detection` and `ground_truth`.

    Raises
    ------
    InputError
        If the task is unknown, an input is missing, or the model was trained for other targets or categories.
    """
    find_task(task)
    model = GridModel.open(workspace.model(task))
    store = FeatureStore.open(workspace.features("val"))
    paths = {"detection": workspace.predictions(task), "ground_truth": workspace.ground_truth_predictions(task)}
    with (
        locked(workspace.scratch),  # finished pieces are kept until everything is written
        connect(parameters.compute, PREDICTING) as client,
        predicting(parameters, workspace, task, [model], client, keep_heat=("ground_truth",)) as (predictions,),
    ):
        counts = {kind: predictions[kind].write_results(path) for kind, path in paths.items()}
        instances, boxes = store.regions["instance"].to_numpy(), store.expanded_boxes
        annotated = predictions["ground_truth"].heat_maps()
        maps = ((instances[rows], boxes[rows], heat) for rows, heat in annotated)
        write_heat_maps(workspace.heat_maps(task), model.heat_map, maps)
    logger.info("%s: %d predictions in detections, %d in ground-truth boxes", task, *counts.values())
    return counts


@contextmanager
def predicting(
    parameters: Parameters,
    workspace: Workspace,
    task: str,
    models: Sequence[GridModel],
    client: Client,
    *,
    kinds: tuple[str, ...] = ("detection", "ground_truth"),
    keep_heat: tuple[str, ...] = (),
) -> Iterator[list[dict[str, Predictions]]]:
    """Predict with each model on the val store, and provide what was predicted within a `with` block.

    Parameters
    ----------
    client
        Client of the Dask cluster.
    kinds
        Kinds of regions to predict.
    keep_heat
        Kinds of regions whose heat maps are kept as well.

    Yields
    ------
    list of dict
        Predictions by kind of region, one dictionary per model.
    """
    annotations = AnnotationSet.load(workspace.annotations("val"))
    # Answers must not depend on the instances, and workers get the images of their regions only.
    categories = replace(annotations, images=(), instances=())
    with predict(
        workspace.features("val"),
        create_task(task, categories, parameters),
        models,
        parameters.predict,
        client,
        images=annotations.image_by_id,
        scratch=workspace.scratch,
        task_key=_task_key(parameters, workspace, task),
        kinds=kinds,
        proposals=workspace.proposals("val"),
        keep_heat=keep_heat,
        storage=storage_of_workers(parameters.compute),
    ) as predictions:
        yield predictions


def _task_key(parameters: Parameters, workspace: Workspace, task: str) -> dict[str, Any] | None:
    """Describe a task for `predict`; None if its code, which may change between two runs, is not in the package."""
    if getattr(find_task(task).create, "__module__", None) != definitions.__name__:
        return None
    section = parameters.task_section(task).model_dump(mode="json")
    return {"name": task, "section": section, "annotations": digest(workspace.annotations("val"))}
