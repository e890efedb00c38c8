"""The task of segmenting instances. Paper, section 4.1."""

from typing import TYPE_CHECKING

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.annotations.result_fields import MASK
from hypercolumns.definitions.definition import TaskDefinition
from hypercolumns.parameters import Parameters, SegmentationParameters

if TYPE_CHECKING:
    from hypercolumns.evaluation.judgement import Answers, Judgement
    from hypercolumns.reporting.section import ReportSection
    from hypercolumns.tasks.task import Task


def create(annotations: AnnotationSet, parameters: Parameters) -> "Task":
    """Create the task for an annotation set."""
    from hypercolumns.tasks.segmentation import SegmentationTask

    return SegmentationTask(annotations, parameters.predict)


def judge(truth: AnnotationSet, answers: "Answers", parameters: Parameters) -> "Judgement":
    """Evaluate predictions against `truth`."""
    from hypercolumns.evaluation.segmentation import judge_segmentation

    return judge_segmentation(truth, answers, parameters)


def section() -> "ReportSection":
    """Create the section of the report."""
    from hypercolumns.reporting.segmentation_section import SegmentationSection

    return SegmentationSection()


DEFINITION = TaskDefinition(
    name="segmentation",
    parameters=SegmentationParameters,
    is_annotated=lambda _category: True,
    answer=MASK,
    create=create,
    judge=judge,
    section=section,
)
