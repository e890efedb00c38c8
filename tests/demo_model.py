"""Make the model that comes with the package, for `hypercolumns demo`, from the default run in this repository.

`python -m tests.demo_model`, after `make` with the default parameters. It has the tasks whose grids fit into the wheel.
"""

import shutil
import tempfile
from pathlib import Path

from hypercolumns import Parameters, Workspace, steps
from hypercolumns.demo.model import MODEL
from tests.documents import ROOT

TASKS = ("segmentation", "keypoints")
LARGEST = 4_000_000
"""Bytes that the wheel has room for."""


def make_model(project: Path, out: Path) -> None:
    """Bundle some tasks of a finished run."""
    parameters = Parameters.load(project / "params.yaml").model_copy(update={"tasks": TASKS})
    with tempfile.TemporaryDirectory() as folder:
        workspace = Workspace.at(folder)
        workspace.data.mkdir()
        for path in (*(project / "data").glob("[!.]*"), project / "metrics"):
            if path.name not in (workspace.bundle.name, workspace.bundle_archive.name):
                (workspace.data.parent / path.relative_to(project)).symlink_to(path.absolute())
        steps.bundle_models(parameters, workspace)
        size = workspace.bundle_archive.stat().st_size
        if size > LARGEST:
            raise SystemExit(f"The model has {size} bytes, more than {LARGEST}; leave out a task.")
        shutil.copyfile(workspace.bundle_archive, out)


if __name__ == "__main__":
    make_model(ROOT, MODEL)
