"""Instance masks. Paper, section 4.1."""

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
    """See `TaskDefinition.create`."""
    from hypercolumns.tasks.segmentation import SegmentationTask

    return SegmentationTask(annotations, parameters.predict)


def judge(truth: AnnotationSet, answers: "Answers", parameters: Parameters) -> "Judgement":
    """See `TaskDefinition.judge`."""
    from hypercolumns.evaluation.segmentation import judge_segmentation

    return judge_segmentation(truth, answers, parameters)


def section() -> "ReportSection":
    """See `TaskDefinition.section`."""
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
