"""The DVC stage `baselines`."""

from hypercolumns.parameters import Parameters
from hypercolumns.steps import predict_baselines
from hypercolumns.workspace import Workspace
from stages.common import stage, task_option


@stage
@task_option
def main(parameters: Parameters, workspace: Workspace, task: str) -> None:
    """Train the baselines of a task and predict with them, if its section of the parameters asks for them."""
    predict_baselines(parameters, workspace, task)


if __name__ == "__main__":
    main()
