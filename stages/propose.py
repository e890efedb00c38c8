"""The DVC stage `propose`."""

from hypercolumns.cluster.imports import without_garbage_collection
from hypercolumns.cluster.workers import PROPOSING, start_early
from hypercolumns.parameters import Parameters
from hypercolumns.workspace import Workspace
from stages.common import stage


def propose(parameters: Parameters, workspace: Workspace) -> None:
    """Propose regions for both splits, ranked by a model learned from train, and write their recall."""
    start_early(parameters.compute, PROPOSING)
    # Imported here so that the workers import at the same time.
    with without_garbage_collection():
        from hypercolumns.steps import propose_regions

    propose_regions(parameters, workspace)


main = stage(propose)

if __name__ == "__main__":
    main()
