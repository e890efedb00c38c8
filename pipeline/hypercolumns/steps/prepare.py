"""Read or draw the data set and write its annotations as COCO JSON."""

import logging
import shutil
import tempfile
from pathlib import Path

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.summary import summarise
from hypercolumns.definitions import TASKS
from hypercolumns.parameters import Parameters
from hypercolumns.scratch.publishing import publish
from hypercolumns.steps.data_set import read_data_set
from hypercolumns.workspace import SPLITS, Split, Workspace

logger = logging.getLogger(__name__)


def prepare_annotations(parameters: Parameters, workspace: Workspace) -> dict[Split, AnnotationSet]:
    """Write the annotations of both splits, and the photographs of the built-in data set.

    What `check_pipeline` has read is taken over. Both folders are replaced only when everything is complete, so an
    error leaves the old ones untouched. Metrics and plots of tasks that are left out are deleted, since they are those
    of earlier parameters.

    Raises
    ------
    InputError
        If the data set cannot be read, or no step could use it.
    """
    source = read_data_set(parameters, workspace)
    workspace.data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".prepare-", dir=workspace.data) as folder:
        unfinished = Workspace(Path(folder))
        shutil.copytree(source / "images", unfinished.images)
        if parameters.dataset.format != "puppets":
            # DVC keeps warning about an empty folder.
            (unfinished.images / "README").write_text("The photographs stay below dataset.root.\n")
        for split in SPLITS:
            path = unfinished.annotations(split)
            path.parent.mkdir(exist_ok=True)
            shutil.copyfile(source / f"{split}.json", path)
        publish(unfinished.images, workspace.images)
        publish(unfinished.annotations("train").parent, workspace.annotations("train").parent)
    for task in TASKS.keys() - set(parameters.tasks):
        workspace.remove_evaluation(task)
    sets = {split: AnnotationSet.load(workspace.annotations(split)) for split in SPLITS}
    for split, annotations in sets.items():
        logger.info("%s", summarise(split, annotations))
    return sets
