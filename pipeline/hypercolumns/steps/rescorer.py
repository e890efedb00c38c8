"""Train the second step of detection on train."""

import logging

from hypercolumns.cluster.scheduler import scheduler_of
from hypercolumns.detection.crops import Crops, backbone_of_crops, rescoring_origin
from hypercolumns.detection.detector import Detector
from hypercolumns.detection.features import feature_origin
from hypercolumns.detection.run import DetectionInput, Rescoring
from hypercolumns.parameters import Parameters
from hypercolumns.steps.detector import detection_input
from hypercolumns.workspace import Workspace

logger = logging.getLogger(__name__)


def train_rescorer(parameters: Parameters, workspace: Workspace) -> Detector:
    """Train the second step and write it; one that knows no category if there is none (`rescoring.boxes_per_image`).

    Raises
    ------
    InputError
        If an input is missing, or the network or a layer cannot be used.
    """
    if not parameters.rescores:
        logger.info("rescorer: the detector's scores stand, so none is trained")
        rescorer = Detector.of_nothing()
        rescorer.save(workspace.rescorer, {})
        return rescorer
    with scheduler_of(parameters.compute) as client:
        given = detection_input(parameters, workspace, "train", client)
        rescoring = make_rescoring(given, parameters, workspace)
        detector = Detector.open(workspace.detector, feature_origin(given.backbone, parameters.detection))
        rescorer = rescoring.train(given, detector, parameters.seed)
    rescorer.save(workspace.rescorer, rescoring_origin(given.backbone, parameters.detection, parameters.rescoring))
    logger.info("rescorer: %d categories", len(rescorer.categories))
    return rescorer


def make_rescoring(given: DetectionInput, parameters: Parameters, workspace: Workspace) -> Rescoring:
    """Collect what the second step of detection needs besides what the first one does."""
    settings = parameters.rescoring
    seen = backbone_of_crops(given.backbone, settings)
    return Rescoring(Crops(seen, settings.expansion, parameters.compute, given.client, workspace.scratch), settings)
