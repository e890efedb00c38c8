"""Train the K x K grids of a task on the train store."""

import logging
from collections.abc import Sequence

from distributed import Client

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.cluster.connection import connect
from hypercolumns.cluster.workers import TRAINING
from hypercolumns.definitions import create_task, find_task
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.model import GridModel
from hypercolumns.grid.spec import GridSpec
from hypercolumns.grid.training import train_grids
from hypercolumns.parameters import Parameters
from hypercolumns.scratch.shared import storage_of_workers
from hypercolumns.scratch.work import locked
from hypercolumns.workspace import Workspace

logger = logging.getLogger(__name__)


def train_task(parameters: Parameters, workspace: Workspace, task: str) -> GridModel:
    """Train the grids of a task on all layers of the train store, and write the model.

    Raises
    ------
    InputError
        If the task is unknown, an input is missing, or a category has neither training regions nor a shared grid.
    """
    find_task(task)
    layers = FeatureStore.open(workspace.features("train")).layers
    with locked(workspace.scratch):  # the fitted cells are kept until the model is written
        with connect(parameters.compute, TRAINING) as client:
            (model,) = train_specs(parameters, workspace, task, [GridSpec(layers, parameters.train.grid)], client)
        model.save(workspace.model(task))
    logger.info(
        "%s: grids of %d x %d classifiers for the targets %s (%s) on the layers %s",
        *(task, model.spec.grid, model.spec.grid),
        *(", ".join(names) for names in (model.targets, model.groups, layers)),
    )
    return model


def train_specs(
    parameters: Parameters, workspace: Workspace, task: str, specs: Sequence[GridSpec], client: Client
) -> list[GridModel]:
    """Train one model per specification on the train store."""
    annotations = AnnotationSet.load(workspace.annotations("train"))
    created = create_task(task, annotations, parameters)
    labelled = labelled_categories(workspace, task, annotations)
    return train_grids(
        workspace.features("train"),
        created,
        specs,
        parameters.train,
        client,
        scratch=workspace.scratch,
        storage=storage_of_workers(parameters.compute),
        unlabelled=[c.id for c in created.categories if created.targets_of(c.id) and c.id not in labelled],
        seed=parameters.seed,
        device=parameters.compute.device,
    )


def labelled_categories(workspace: Workspace, task: str, annotations: AnnotationSet) -> set[int]:
    """Ids of the categories with a region in the train store whose instance is annotated for a task."""
    is_annotated = find_task(task).is_annotated
    ids = FeatureStore.open(workspace.features("train")).regions["instance"].unique()
    instances = [annotations.instance_by_id[int(i)] for i in ids]
    return {instance.category_id for instance in instances if is_annotated(instance)}
