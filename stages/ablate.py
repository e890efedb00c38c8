"""The DVC stage `ablate`."""

from hypercolumns.parameters import Parameters
from hypercolumns.steps import ablate_layers
from hypercolumns.workspace import Workspace
from stages.common import stage


@stage
def main(parameters: Parameters, workspace: Workspace) -> None:
    """Train and evaluate each layer alone, all layers but one, and all layers with several K."""
    ablate_layers(parameters, workspace)


if __name__ == "__main__":
    main()
