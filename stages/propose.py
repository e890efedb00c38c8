"""The DVC stage `propose`."""

from hypercolumns.parameters import Parameters
from hypercolumns.steps import propose_regions
from hypercolumns.workspace import Workspace
from stages.common import stage


@stage
def main(parameters: Parameters, workspace: Workspace) -> None:
    """Propose regions in every photograph, rank them, and measure how well they cover the objects."""
    propose_regions(parameters, workspace)


if __name__ == "__main__":
    main()
