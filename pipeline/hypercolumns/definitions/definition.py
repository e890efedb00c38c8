"""The definition of a task."""

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
    """Everything that the steps of the pipeline need to know about a task. See `docs/extending.md` for an example.

    Notes
    -----
    The definitions in this package import inside the functions `create`, `judge` and `section`, so that a step loads
    only the code that it uses and is rerun only when that code changes.
    """

    name: str
    """Name of the task in the parameters and in file names."""
    parameters: type[TaskParameters]
    """Class of its section of the parameters."""
    is_annotated: Callable[[Category], bool]
    """Whether a category has what the task learns from, such as keypoints."""
    answer: ResultField
    """Field of a COCO result that holds a prediction."""
    create: "Callable[[AnnotationSet, Parameters], Task]"
    """Creates the task for an annotation set."""
    judge: "Callable[[AnnotationSet, Answers, Parameters], Judgement]"
    """Evaluates predictions against an annotation set."""
    section: "Callable[[], ReportSection]"
    """Creates the section of the report."""
