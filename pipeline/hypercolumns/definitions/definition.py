"""Everything that makes a task."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypercolumns.annotations.model import AnnotationSet, Category
from hypercolumns.annotations.result_fields import ResultField
from hypercolumns.parameters import Parameters, TaskParameters

if TYPE_CHECKING:
    from hypercolumns.evaluation.judgement import Answers, Judgement
    from hypercolumns.reporting.section import ReportSection
    from hypercolumns.tasks.task import Task


@dataclass(frozen=True)
class TaskDefinition:
    """Everything that the steps of the pipeline need from a task. See `docs/extending.md`.

    The definitions of this package import what they need inside the functions `create`, `judge` and `section`: a step
    loads only the part it uses, and DVC reruns it only when that part changes.
    """

    name: str
    """As in `tasks` of the parameters, and in the names of the task's files."""
    parameters: type[TaskParameters]
    """Its section of the parameters."""
    is_annotated: Callable[[Category], bool]
    """Whether a category has what the task learns from, such as names of keypoints."""
    answer: ResultField
    """The field of a COCO result that holds an answer."""
    create: "Callable[[AnnotationSet, Parameters], Task]"
    """Makes the task for an annotation set."""
    judge: "Callable[[AnnotationSet, Answers, Parameters], Judgement]"
    """Compares answers with the ground truth."""
    section: "Callable[[], ReportSection]"
    """Makes the section of the report."""
