"""Bundle the trained models of all tasks, so that they can be carried away and applied."""

import logging

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.bundle.manifest import Manifest
from hypercolumns.bundle.writing import write_bundle
from hypercolumns.input_files import require_json
from hypercolumns.parameters import Parameters
from hypercolumns.proposals.store import ProposalStore
from hypercolumns.workspace import Workspace

logger = logging.getLogger(__name__)


def bundle_models(parameters: Parameters, workspace: Workspace) -> Manifest:
    """Write grids, both steps of detection, ranking of candidates and metrics as one folder, and as one file.

    Raises
    ------
    InputError
        If an input is missing or damaged, or grids were trained on different features.
    """
    tasks = parameters.tasks
    metrics = {name: workspace.metric(name) for name in ("proposals", *(f"{task}_summary" for task in tasks))}
    manifest = write_bundle(
        workspace.bundle,
        workspace.bundle_archive,
        parameters,
        AnnotationSet.load(workspace.annotations("train")).categories,
        {task: workspace.model(task) for task in tasks},
        workspace.detector,
        workspace.rescorer,
        ProposalStore.open(workspace.proposals("train")).ranker,
        {
            name: require_json(path, "propose" if path.stem == "proposals" else "evaluate")
            for name, path in metrics.items()
            if path.exists()
        },
    )
    size = workspace.bundle_archive.stat().st_size / 1e6
    logger.info("%s and %s: %s, %.1f MB", workspace.bundle, workspace.bundle_archive, ", ".join(tasks), size)
    return manifest
