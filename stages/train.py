"""The DVC stage `train`."""

from hypercolumns.cluster.workers import TRAINING, importing
from hypercolumns.parameters import Parameters
from hypercolumns.workspace import Workspace
from stages.common import TASK, stage


def train(parameters: Parameters, workspace: Workspace, task: str) -> None:
    """Train the grids of a task on all layers of the train store, and write the model."""
    with importing(parameters.compute, TRAINING):
        from hypercolumns.steps import train_task

    train_task(parameters, workspace, task)


main = stage(train, TASK)

if __name__ == "__main__":
    main()
