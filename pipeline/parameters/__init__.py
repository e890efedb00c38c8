"""The parameters of the whole pipeline: one typed model that reads `params.yaml`; defaults live here only."""

from pipeline.parameters.backbone import BackboneParameters
from pipeline.parameters.boxes import DetectionParameters, ProposalParameters, RegionParameters
from pipeline.parameters.classifiers import AblateParameters, PredictParameters, TrainParameters
from pipeline.parameters.compute import ComputeParameters
from pipeline.parameters.dataset import DatasetParameters, PuppetsParameters
from pipeline.parameters.model import Parameters
from pipeline.parameters.results import EvaluateParameters, ReportParameters
from pipeline.parameters.tasks import KeypointParameters, PartParameters, SegmentationParameters, TaskParameters

__all__ = [
    "AblateParameters",
    "BackboneParameters",
    "ComputeParameters",
    "DatasetParameters",
    "DetectionParameters",
    "EvaluateParameters",
    "KeypointParameters",
    "Parameters",
    "PartParameters",
    "PredictParameters",
    "ProposalParameters",
    "PuppetsParameters",
    "RegionParameters",
    "ReportParameters",
    "SegmentationParameters",
    "TaskParameters",
    "TrainParameters",
]
