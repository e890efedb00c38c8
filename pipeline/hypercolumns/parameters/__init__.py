"""The parameters of the pipeline: one typed model that reads `params.yaml`. Defaults live here and nowhere else."""

from hypercolumns.parameters.backbone import BackboneParameters
from hypercolumns.parameters.boxes import (
    DetectionParameters,
    ProposalParameters,
    RegionParameters,
    RescoringParameters,
)
from hypercolumns.parameters.classifiers import PredictParameters, TrainParameters
from hypercolumns.parameters.compute import ComputeParameters
from hypercolumns.parameters.dataset import DatasetParameters, PuppetsParameters
from hypercolumns.parameters.model import Parameters
from hypercolumns.parameters.results import EvaluateParameters
from hypercolumns.parameters.tasks import TASK_SECTIONS, KeypointParameters, TaskParameters

__all__ = [
    "TASK_SECTIONS",
    "BackboneParameters",
    "ComputeParameters",
    "DatasetParameters",
    "DetectionParameters",
    "EvaluateParameters",
    "KeypointParameters",
    "Parameters",
    "PredictParameters",
    "ProposalParameters",
    "PuppetsParameters",
    "RegionParameters",
    "RescoringParameters",
    "TaskParameters",
    "TrainParameters",
]
