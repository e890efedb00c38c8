"""The DVC stage `train`."""

from hypercolumns.parameters import Parameters
from hypercolumns.steps import train_task
from hypercolumns.workspace import Workspace
from stages.common import stage, task_option


@stage
@task_option
def main(parameters: Parameters, workspace: Workspace, task: str) -> None:
    """Train the K x K grids of a task on all layers of the store."""
    train_task(parameters, workspace, task)


if __name__ == "__main__":
    main()
