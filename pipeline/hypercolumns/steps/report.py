"""Show all results on one self-contained page."""

import logging
from pathlib import Path

from hypercolumns.definitions import TASKS
from hypercolumns.parameters import Parameters
from hypercolumns.reporting.page import build_page
from hypercolumns.workspace import Workspace

logger = logging.getLogger(__name__)


def write_report(parameters: Parameters, workspace: Workspace) -> Path:
    """Write the page of all results and return its path; the page names what is missing.

    Raises
    ------
    InputError
        If a file exists but is malformed.
    """
    tasks = {name: (task.result_field, task.section()) for name, task in TASKS.items() if name in parameters.tasks}
    page = build_page(workspace, parameters, tasks)
    path = workspace.report
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    logger.info("%s: %d kB; open it in a browser.", path, len(page.encode()) / 1e3)
    return path
