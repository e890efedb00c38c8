"""The DVC stage `ablate`."""

from hypercolumns.cluster.imports import without_garbage_collection
from hypercolumns.cluster.workers import PREDICTING, TRAINING, start_early
from hypercolumns.parameters import Parameters
from hypercolumns.workspace import Workspace
from stages.common import stage


def ablate(parameters: Parameters, workspace: Workspace) -> None:
    """Train and evaluate each layer alone, all layers but one, and all layers with several K; write the metrics."""
    start_early(parameters.compute, (*TRAINING, *PREDICTING))
    # Imported here so that the workers import at the same time.
    with without_garbage_collection():
        from hypercolumns.steps import ablate_layers

    ablate_layers(parameters, workspace)


main = stage(ablate)

if __name__ == "__main__":
    main()
