"""The DVC stage `propose`."""

from hypercolumns.cluster.workers import PROPOSING, start_early
from hypercolumns.parameters import Parameters
from hypercolumns.workspace import Workspace
from stages.common import stage


def propose(parameters: Parameters, workspace: Workspace) -> None:
    """Propose regions for both splits, ranked by a model learned from train, and write their recall."""
    start_early(parameters.compute, PROPOSING)
    from hypercolumns.steps import propose_regions  # while the workers import what they need

    propose_regions(parameters, workspace)


main = stage(propose)

if __name__ == "__main__":
    main()
