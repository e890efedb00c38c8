"""The DVC stage `detect`."""

from hypercolumns.parameters import Parameters
from hypercolumns.steps import detect_objects
from hypercolumns.workspace import Workspace
from stages.common import stage


@stage
def main(parameters: Parameters, workspace: Workspace) -> None:
    """Detect objects in val with a detector trained on train."""
    detect_objects(parameters, workspace)


if __name__ == "__main__":
    main()
