"""The DVC stage `baselines`."""

from hypercolumns.cluster.workers import PREDICTING, TRAINING, importing
from hypercolumns.parameters import Parameters
from hypercolumns.workspace import Workspace
from stages.common import TASK, stage


def baselines(parameters: Parameters, workspace: Workspace, task: str) -> None:
    """Train the baselines of a task and write their predictions, if the section of the task asks for them."""
    workers = (*TRAINING, *PREDICTING) if parameters.task_section(task).baselines else ()
    with importing(parameters.compute, workers):
        from hypercolumns.steps import predict_baselines

    predict_baselines(parameters, workspace, task)


main = stage(baselines, TASK)

if __name__ == "__main__":
    main()
