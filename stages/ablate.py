"""The DVC stage `ablate`."""

from hypercolumns.cluster.workers import PREDICTING, TRAINING, importing
from hypercolumns.parameters import Parameters
from hypercolumns.workspace import Workspace
from stages.common import stage


def ablate(parameters: Parameters, workspace: Workspace) -> None:
    """Train and evaluate each layer alone, all layers but one, and all layers with several K; write the metrics."""
    with importing(parameters.compute, (*TRAINING, *PREDICTING)):
        from hypercolumns.steps import ablate_layers

    ablate_layers(parameters, workspace)


main = stage(ablate)

if __name__ == "__main__":
    main()
