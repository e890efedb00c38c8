"""The DVC stage `propose`."""

from hypercolumns.cluster.workers import PROPOSING, importing
from hypercolumns.parameters import Parameters
from hypercolumns.workspace import Workspace
from stages.common import stage


def propose(parameters: Parameters, workspace: Workspace) -> None:
    """Propose regions for both splits, ranked by a model learned from train, and write their recall."""
    with importing(parameters.compute, PROPOSING):
        from hypercolumns.steps import propose_regions

    propose_regions(parameters, workspace)


main = stage(propose)

if __name__ == "__main__":
    main()
