"""The DVC stage `evaluate`."""

from hypercolumns.parameters import Parameters
from hypercolumns.steps import evaluate_task
from hypercolumns.workspace import Workspace
from stages.common import stage, task_option


@stage
@task_option
def main(parameters: Parameters, workspace: Workspace, task: str) -> None:
    """Evaluate the predictions of a task and of its baselines."""
    evaluate_task(parameters, workspace, task)


if __name__ == "__main__":
    main()
