"""Detect objects in val, or take detections from elsewhere."""

import logging
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.results import Result, write_results
from hypercolumns.backbones import create_backbone
from hypercolumns.detection import results
from hypercolumns.detection.run import train_and_detect
from hypercolumns.devices import choose_device
from hypercolumns.evaluation.detections import box_overlaps, match_categories, mean_average_precision, overlaps_by_image
from hypercolumns.input_files import expand_home
from hypercolumns.parameters import Parameters
from hypercolumns.proposals.store import ProposalStore
from hypercolumns.scratch.digests import digest
from hypercolumns.stores.manifest import content_digest
from hypercolumns.workspace import SPLITS, Split, Workspace

logger = logging.getLogger(__name__)


def detect_objects(parameters: Parameters, workspace: Workspace) -> list[Result]:
    """Write scored boxes for val: from a detector trained on train, or from the source in `detection.source`.

    Returns
    -------
    The COCO results that were written.

    Raises
    ------
    InputError
        If an input is missing, the network or a layer cannot be used, or the file of detections is malformed.
    """
    sets = {split: AnnotationSet.load(workspace.annotations(split)) for split in SPLITS}
    detections = _detections(parameters, workspace, sets)
    write_results(detections, workspace.detections)
    logger.info(_summary(parameters, sets["val"], detections))
    return detections


def _detections(parameters: Parameters, workspace: Workspace, sets: dict[Split, AnnotationSet]) -> list[Result]:
    settings = parameters.detection
    if settings.source == "ground_truth":
        return results.ground_truth(sets["val"])
    if settings.source == "file":
        return results.from_file(expand_home(settings.file), sets["val"], settings.max_per_image)
    network = parameters.backbone.model_copy(update={"layers": settings.layers})
    stores = {split: ProposalStore.open(workspace.proposals(split)) for split in SPLITS}
    trained_on = [digest(workspace.annotations("train")), content_digest(workspace.proposals("train"))]
    return train_and_detect(
        sets,
        {split: partial(_boxes, store) for split, store in stores.items()},
        create_backbone(network, parameters.seed, "detection.layers"),
        settings=settings,
        device=choose_device(parameters.compute.device),
        seed=parameters.seed,
        trained_on=" ".join(trained_on),
        scratch=workspace.scratch,
    )


def _boxes(store: ProposalStore, image_id: int) -> NDArray[np.float32]:
    return store[image_id].boxes


def _summary(parameters: Parameters, annotations: AnnotationSet, detections: list[Result]) -> str:
    """Summarise the number of detections in val and the quality of their boxes."""
    overlaps = overlaps_by_image(annotations, detections, box_overlaps)
    matches = match_categories(annotations, detections, overlaps, np.array([0.5]), parameters.evaluate.matching)
    mean = mean_average_precision(matches, 0)
    quality = "no instances to evaluate" if mean is None else f"box AP .5 {100 * mean:.1f}"
    return f"val: {len(detections)} detections in {len(annotations.images)} images; {quality}"
