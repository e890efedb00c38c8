"""Compare layers and K by the masks in ground-truth boxes."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.cluster.connection import connect
from hypercolumns.cluster.workers import PREDICTING, TRAINING
from hypercolumns.evaluation.detections import counted_instances
from hypercolumns.evaluation.judgement import number, rounded
from hypercolumns.evaluation.segmentation import ground_truth_box_metrics
from hypercolumns.features.store import FeatureStore
from hypercolumns.grid.comparisons import ablation_specs
from hypercolumns.grid.spec import GridSpec
from hypercolumns.parameters import Parameters
from hypercolumns.scratch.work import locked
from hypercolumns.steps.predict import predicting
from hypercolumns.steps.train import labelled_categories, train_specs
from hypercolumns.workspace import Workspace

logger = logging.getLogger(__name__)


def ablate_layers(parameters: Parameters, workspace: Workspace) -> list[dict[str, Any]]:
    """Train and evaluate each layer alone, all layers but one, and all layers with several K; write the metrics.

    Without a mask to learn from in train, or to compare with in val, nothing is trained. With `train.sharing: adapted`
    the grids compared are those of `auto`: adapting each of them takes ten times as long and says nothing about layers.

    Returns
    -------
    One row per configuration: `name`, `blocks`, `grid` and the metrics of `ground_truth_box_metrics`; empty without
    masks.

    Raises
    ------
    InputError
        If an input is missing, or a category has neither training regions nor a shared grid.
    """
    truth = AnnotationSet.load(workspace.annotations("val"))
    reason = _reason_to_skip(parameters, workspace, truth)
    if reason:
        logger.info("ablation: %s, so nothing is trained", reason)
    if parameters.train.sharing == "adapted":
        train = parameters.train.model_copy(update={"sharing": "auto"})
        parameters = parameters.model_copy(update={"train": train})
    with locked(workspace.scratch):  # fitted cells and predictions are kept until the metrics are written
        rows = [] if reason else _compare(parameters, workspace, truth)
        path = workspace.metric("ablation")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(rows, indent=1) + "\n")
    return rows


def _reason_to_skip(parameters: Parameters, workspace: Workspace, truth: AnnotationSet) -> str | None:
    """Say why configurations cannot be compared; None if they can."""
    if not any(instance.has_mask for instance in counted_instances(truth, parameters.evaluate.minimum_area)):
        return "no instance of val that counts has a mask"
    train = AnnotationSet.load(workspace.annotations("train"))
    return None if labelled_categories(workspace, "segmentation", train) else "no training region has a mask"


def _compare(parameters: Parameters, workspace: Workspace, truth: AnnotationSet) -> list[dict[str, Any]]:
    """Train and evaluate all configurations, and log a line for each."""
    layers = FeatureStore.open(workspace.features("train")).layers
    specs = ablation_specs(layers, parameters.ablate.grid, parameters.ablate.grids)
    rows = []
    masks = masks_in_instances(parameters, workspace, list(specs.values()))
    for (name, spec), results in zip(specs.items(), masks, strict=True):
        scores = ground_truth_box_metrics(truth, results, parameters.evaluate)
        rows.append({"name": name, "blocks": list(spec.layers), "grid": spec.grid, **scores})
        mean, above = (number(rounded(scores[key]), 3) for key in ("mean_iou", "iou_70"))
        logger.info("%-32s mean IoU %s  above .7 %s", name, mean, above)
    return rows


def masks_in_instances(
    parameters: Parameters, workspace: Workspace, specs: Sequence[GridSpec]
) -> Iterator[list[Mapping[str, Any]]]:
    """Train grids of segmentation by each specification, and yield their masks in the boxes of the instances of val.

    Raises
    ------
    InputError
        If an input is missing, or a category has neither training regions nor a shared grid.
    """
    with connect(parameters.compute, (*TRAINING, *PREDICTING)) as client:
        models = train_specs(parameters, workspace, "segmentation", specs, client)
        with predicting(parameters, workspace, "segmentation", models, client, kinds=("ground_truth",)) as predictions:
            for prediction in predictions:
                yield list(prediction["ground_truth"].results())
