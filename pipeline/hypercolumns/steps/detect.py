"""Scores the candidates of val per category, or takes detections from elsewhere."""

import logging
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.results import Result, write_results
from hypercolumns.backbones import Backbone, create_backbone
from hypercolumns.detection import results, run
from hypercolumns.devices import choose_device
from hypercolumns.evaluation.detections import box_overlaps, match_categories, mean_average_precision, overlaps_of
from hypercolumns.parameters import Parameters
from hypercolumns.proposals.store import ProposalStore
from hypercolumns.workspace import SPLITS, Split, Workspace

logger = logging.getLogger(__name__)


def detect_objects(parameters: Parameters, workspace: Workspace) -> list[Result]:
    """Detect objects in val with a detector that learns from train, or as `detection.source` says.

    Returns
    -------
    COCO results with boxes, as written.

    Raises
    ------
    InputError
        When an input is missing, the network or a layer cannot be used, or the file of detections is malformed.
    """
    sets = {split: AnnotationSet.load(workspace.annotations(split)) for split in SPLITS}
    found = _detections(parameters, workspace, sets)
    write_results(found, workspace.detections)
    logger.info(_summary(parameters, sets["val"], found))
    return found


def _detections(parameters: Parameters, workspace: Workspace, sets: dict[Split, AnnotationSet]) -> list[Result]:
    settings = parameters.detection
    if settings.source == "ground_truth":
        return results.ground_truth(sets["val"])
    if settings.source == "file":
        return results.from_file(Path(settings.file), sets["val"], settings.max_per_image)
    stores = {split: ProposalStore.open(workspace.proposals(split)) for split in SPLITS}
    return run.run(
        sets,
        # Training asks for an image's boxes several times in a row.
        {split: lru_cache(maxsize=1)(partial(_boxes, store)) for split, store in stores.items()},
        _backbone(parameters),
        settings,
        choose_device(parameters.compute.device),
        parameters.seed,
        workspace.scratch,
    )


def _backbone(parameters: Parameters) -> Backbone:
    """The pipeline's network with the layers that describe regions."""
    settings = parameters.backbone.model_copy(update={"layers": parameters.detection.layers})
    return create_backbone(settings, parameters.seed, "detection.layers")


def _boxes(store: ProposalStore, image_id: int) -> NDArray[np.float32]:
    return store[image_id].boxes


def _summary(parameters: Parameters, annotations: AnnotationSet, found: list[Result]) -> str:
    """How many detections there are on val, and how good their boxes are."""
    overlaps = overlaps_of(annotations, found, box_overlaps)
    matches = match_categories(annotations, found, overlaps, np.array([0.5]), parameters.evaluate.matching)
    mean = mean_average_precision(matches, 0)
    quality = "no instance counts" if mean is None else f"box AP .5 {100 * mean:.1f}"
    return f"val: {len(found)} detections in {len(annotations.images)} images; {quality}"
