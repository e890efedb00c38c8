"""Evaluate the predictions of a task and of its baselines."""

import json
import logging
from pathlib import Path
from typing import Any

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.result_fields import BOX
from hypercolumns.annotations.results import read_results
from hypercolumns.definitions import find_task
from hypercolumns.errors import naming
from hypercolumns.evaluation.judgement import Answers, Judgement, with_baselines
from hypercolumns.grid.comparisons import baseline_files
from hypercolumns.parameters import Parameters
from hypercolumns.workspace import Workspace

logger = logging.getLogger(__name__)


def evaluate_task(parameters: Parameters, workspace: Workspace, task: str) -> Judgement:
    """Evaluate the predictions of a task on val, and write metrics, their summary and plot data.

    Raises
    ------
    InputError
        If an input is missing or malformed, or an instance that counts has no prediction.
    """
    definition = find_task(task)
    truth = AnnotationSet.load(workspace.annotations("val"))
    boxes = read_results(workspace.detections, truth, BOX, step="detect")

    def judge(for_detections: Path, for_instances: Path, step: str) -> Judgement:
        in_detections = read_results(for_detections, truth, definition.result_field, "detections", step)
        in_instances = read_results(for_instances, truth, definition.result_field, "instances", step)
        with naming(for_instances, step):
            return definition.judge(truth, Answers(in_detections, in_instances, boxes), parameters)

    judged = judge(workspace.predictions(task), workspace.ground_truth_predictions(task), "predict")
    baselines = {
        name: judge(path, path.with_name(f"{name}_ground_truth.json"), "baselines")
        for name, path in baseline_files(workspace.baselines(task), ".json").items()
    }
    (workspace.plots / task).mkdir(parents=True, exist_ok=True)  # DVC expects the folder even without plots
    for name, rows in judged.plots.items():
        _write(workspace.plot(task, name), rows)
    _write(workspace.metric(task), with_baselines(judged.metrics, baselines))
    _write(workspace.metric(f"{task}_summary"), judged.summary)
    logger.info(judged.table)
    for name, baseline in baselines.items():
        logger.info("baseline %s: %s", name, ", ".join(f"{key} {value}" for key, value in baseline.summary.items()))
    return judged


def _write(path: Path, content: Any) -> None:
    """Write JSON; a list gets one row per line, so that git shows readable changes of plot data."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, list):
        text = "[\n" + ",\n".join(json.dumps(row, allow_nan=False) for row in content) + "\n]"
    else:
        text = json.dumps(content, indent=1, allow_nan=False)
    path.write_text(text + "\n")
