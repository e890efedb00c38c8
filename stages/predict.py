"""The DVC stage `predict`."""

from hypercolumns.parameters import Parameters
from hypercolumns.steps import predict_task
from hypercolumns.workspace import Workspace
from stages.common import stage, task_option


@stage
@task_option
def main(parameters: Parameters, workspace: Workspace, task: str) -> None:
    """Predict a task in all detections and, for diagnosis, in all ground-truth boxes."""
    predict_task(parameters, workspace, task)


if __name__ == "__main__":
    main()
