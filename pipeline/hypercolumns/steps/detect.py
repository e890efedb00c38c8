"""Detect objects in val, or take detections from elsewhere."""

import logging

import numpy as np

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.results import Result, write_results
from hypercolumns.cluster.scheduler import scheduler_of
from hypercolumns.detection import results
from hypercolumns.detection.crops import rescoring_origin
from hypercolumns.detection.detector import Detector
from hypercolumns.detection.features import feature_origin
from hypercolumns.detection.run import detect
from hypercolumns.evaluation.detections import box_overlaps, match_categories, mean_average_precision, overlaps_by_image
from hypercolumns.input_files import expand_home
from hypercolumns.parameters import Parameters
from hypercolumns.steps.detector import detection_input
from hypercolumns.steps.rescorer import make_rescoring
from hypercolumns.workspace import Workspace

logger = logging.getLogger(__name__)


def detect_objects(parameters: Parameters, workspace: Workspace) -> list[Result]:
    """Write scored boxes for val: from the trained detector, or from the source in `detection.source`.

    Returns
    -------
    The COCO results that were written.

    Raises
    ------
    InputError
        If an input is missing, the network or a layer cannot be used, or the file of detections is malformed.
    """
    annotations = AnnotationSet.load(workspace.annotations("val"))
    detections = _detections(parameters, workspace, annotations)
    write_results(detections, workspace.detections)
    logger.info(_summary(parameters, annotations, detections))
    return detections


def _detections(parameters: Parameters, workspace: Workspace, annotations: AnnotationSet) -> list[Result]:
    settings = parameters.detection
    if settings.source == "ground_truth":
        return results.ground_truth(annotations)
    if settings.source == "file":
        return results.from_file(expand_home(settings.file), annotations, settings.max_per_image)
    with scheduler_of(parameters.compute) as client:
        given = detection_input(parameters, workspace, "val", client)
        detector = Detector.open(workspace.detector, feature_origin(given.backbone, settings))
        if not parameters.rescores:
            return detect(given, detector)
        rescoring = make_rescoring(given, parameters, workspace)
        origin = rescoring_origin(given.backbone, settings, parameters.rescoring)
        return rescoring.detect(given, detector, Detector.open(workspace.rescorer, origin, "rescorer"))


def _summary(parameters: Parameters, annotations: AnnotationSet, detections: list[Result]) -> str:
    """Summarise the number of detections in val and the quality of their boxes."""
    overlaps = overlaps_by_image(annotations, detections, box_overlaps)
    matches = match_categories(annotations, detections, overlaps, np.array([0.5]), parameters.evaluate.matching)
    mean = mean_average_precision(matches, 0)
    quality = "no instances to evaluate" if mean is None else f"box AP .5 {100 * mean:.1f}"
    return f"val: {len(detections)} detections in {len(annotations.images)} images; {quality}"
