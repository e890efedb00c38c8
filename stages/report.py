"""The DVC stage `report`."""

from hypercolumns.parameters import Parameters
from hypercolumns.steps import write_report
from hypercolumns.workspace import Workspace
from stages.common import stage


@stage
def main(parameters: Parameters, workspace: Workspace) -> None:
    """Show all results on one page."""
    write_report(parameters, workspace)


if __name__ == "__main__":
    main()
