"""The parameters of the pipeline: one typed model that reads `params.yaml`. Defaults live here and nowhere else."""

from hypercolumns.parameters.backbone import BackboneParameters
from hypercolumns.parameters.boxes import DetectionParameters, ProposalParameters, RegionParameters
from hypercolumns.parameters.classifiers import AblateParameters, PredictParameters, TrainParameters
from hypercolumns.parameters.compute import ComputeParameters
from hypercolumns.parameters.dataset import DatasetParameters, PuppetsParameters
from hypercolumns.parameters.model import Parameters
from hypercolumns.parameters.results import EvaluateParameters, ReportParameters
from hypercolumns.parameters.tasks import (
    TASK_SECTIONS,
    KeypointParameters,
    PartParameters,
    SegmentationParameters,
    TaskParameters,
)

__all__ = [
    "TASK_SECTIONS",
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
