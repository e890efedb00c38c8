"""Answers a task for all detections and, for diagnosis, for all annotated instances of val."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from distributed import Client

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.results import write_results
from hypercolumns.cluster.connection import connect
from hypercolumns.cluster.workers import PREDICTING
from hypercolumns.definitions import create_task
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.model import GridModel
from hypercolumns.parameters import Parameters
from hypercolumns.tasks.heat_maps import write_heat_maps
from hypercolumns.tasks.prediction import Prediction, predict
from hypercolumns.workspace import Workspace

logger = logging.getLogger(__name__)


def predict_task(parameters: Parameters, workspace: Workspace, task: str) -> dict[str, Prediction]:
    """Predict with the trained model of a task, and write answers and heat maps.

    Returns
    -------
    The answers by kind of region: `detection` and `ground_truth`.

    Raises
    ------
    InputError
        When an input is missing, or the model was trained for other targets or categories.
    """
    model = GridModel.open(workspace.model(task))
    store = FeatureStore.open(workspace.features("val"))
    with connect(parameters.compute, PREDICTING) as client:
        (found,) = predict_val(parameters, workspace, task, [model], client, keep_heat=("ground_truth",))
    given = found["ground_truth"]
    write_results(found["detection"].results, workspace.predictions(task))
    write_results(given.results, workspace.ground_truth_predictions(task))
    instance_ids = store.regions["instance"].to_numpy()[given.rows]
    write_heat_maps(workspace.heat_maps(task), instance_ids, store.expanded_boxes[given.rows], given.heat)
    logger.info(
        "%s: %d answers for detections, %d for ground-truth boxes",
        *(task, len(found["detection"].results), len(given.results)),
    )
    return found


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
    """Predict with every model on the val store; the answers come by kind of region."""
    # Answers must not look at the instances, and workers need not be sent them.
    annotations = replace(AnnotationSet.load(workspace.annotations("val")), instances=())
    return predict(
        workspace.features("val"),
        models,
        create_task(task, annotations, parameters),
        parameters.predict,
        client,
        kinds=kinds,
        proposals=workspace.proposals("val"),
        keep_heat=keep_heat,
    )
