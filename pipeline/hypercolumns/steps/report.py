"""Shows all results so far on one self-contained page."""

import logging
from pathlib import Path

from hypercolumns.definitions import TASKS
from hypercolumns.parameters import Parameters
from hypercolumns.reporting.page import ReportedTask, build_page
from hypercolumns.workspace import Workspace

logger = logging.getLogger(__name__)


def write_report(parameters: Parameters, workspace: Workspace) -> Path:
    """Write the page and return its path.

    Raises
    ------
    InputError
        When a file is there but is not what its step writes.
    """
    tasks = [ReportedTask(t.name, t.answer, t.section()) for t in TASKS.values() if t.name in parameters.tasks]
    page = build_page(workspace, parameters, tasks)
    out = workspace.report
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(page, encoding="utf-8")
    logger.info("%s: %.1f MB; open it in a browser.", out, len(page.encode()) / 1e6)
    return out
