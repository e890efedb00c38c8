"""The DVC stage `predict`."""

from hypercolumns.cluster.workers import PREDICTING, importing
from hypercolumns.parameters import Parameters
from hypercolumns.workspace import Workspace
from stages.common import TASK, stage


def predict(parameters: Parameters, workspace: Workspace, task: str) -> None:
    """Predict with the trained model of a task, and write results and heat maps."""
    with importing(parameters.compute, PREDICTING):
        from hypercolumns.steps import predict_task

    predict_task(parameters, workspace, task)


main = stage(predict, TASK)

if __name__ == "__main__":
    main()
