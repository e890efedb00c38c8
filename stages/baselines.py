"""The DVC stage `baselines`."""

from hypercolumns.cluster.imports import without_garbage_collection
from hypercolumns.cluster.workers import PREDICTING, TRAINING, start_early
from hypercolumns.parameters import Parameters
from hypercolumns.workspace import Workspace
from stages.common import TASK, stage


def baselines(parameters: Parameters, workspace: Workspace, task: str) -> None:
    """Train the baselines of a task and write their predictions, if the section of the task asks for them."""
    if parameters.task_section(task).baselines:
        start_early(parameters.compute, (*TRAINING, *PREDICTING))
    # Imported here so that the workers import at the same time.
    with without_garbage_collection():
        from hypercolumns.steps import predict_baselines

    predict_baselines(parameters, workspace, task)


main = stage(baselines, TASK)

if __name__ == "__main__":
    main()
