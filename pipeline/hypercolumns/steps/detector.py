"""Train the detector of boxes on train."""

import logging
from typing import TYPE_CHECKING

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.backbones import create_backbone
from hypercolumns.cluster.devices import device_of_networks
from hypercolumns.cluster.scheduler import scheduler_of
from hypercolumns.detection.detector import Detector
from hypercolumns.detection.features import feature_origin
from hypercolumns.detection.run import DetectionInput, train
from hypercolumns.parameters import Parameters
from hypercolumns.proposals.store import ProposalStore
from hypercolumns.scratch.shared import place_of_workers
from hypercolumns.workspace import Split, Workspace

if TYPE_CHECKING:
    from distributed import Client

logger = logging.getLogger(__name__)


def train_detector(parameters: Parameters, workspace: Workspace) -> Detector:
    """Train the detector and write it; one that knows no category if boxes come from elsewhere (`detection.source`).

    Raises
    ------
    InputError
        If an input is missing, the network or a layer cannot be used, or no category has a training instance.
    """
    settings = parameters.detection
    if settings.source != "own":
        logger.info("detector: boxes come from detection.source: %s, so none is trained", settings.source)
        detector = Detector.of_nothing()
        detector.save(workspace.detector, {})
        return detector
    with scheduler_of(parameters.compute) as client:
        given = detection_input(parameters, workspace, "train", client)
        detector = train(given, parameters.seed)
    detector.save(workspace.detector, feature_origin(given.backbone, settings))
    logger.info("detector: %d categories", len(detector.categories))
    return detector


def detection_input(
    parameters: Parameters, workspace: Workspace, split: Split, client: "Client | None" = None
) -> DetectionInput:
    """Collect what training and detecting need of a split.

    Raises
    ------
    InputError
        If an input is missing, or the network or a layer cannot be used.
    """
    compute = parameters.compute
    network = parameters.backbone.model_copy(update={"layers": parameters.detection.layers})
    return DetectionInput(
        split,
        AnnotationSet.load(workspace.annotations(split)),
        ProposalStore.open(workspace.proposals(split)).boxes,
        create_backbone(network, parameters.seed, "detection.layers"),
        parameters.detection,
        device_of_networks(client, compute.device),
        workspace.scratch,
        client,
        place_of_workers(compute),
    )
