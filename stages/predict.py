"""The DVC stage `predict`."""

from hypercolumns.cluster.workers import PREDICTING, start_early
from hypercolumns.parameters import Parameters
from hypercolumns.workspace import Workspace
from stages.common import TASK, stage


def predict(parameters: Parameters, workspace: Workspace, task: str) -> None:
    """Predict with the trained model of a task, and write results and heat maps."""
    start_early(parameters.compute, PREDICTING)
    from hypercolumns.steps import predict_task  # while the workers import what they need

    predict_task(parameters, workspace, task)


main = stage(predict, TASK)

if __name__ == "__main__":
    main()
