"""The tasks of the pipeline, each defined in one place: targets, answers, metrics, parameters and report section."""

from collections.abc import Callable
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from hypercolumns.annotations.model import AnnotationSet, Instance
from hypercolumns.annotations.result_fields import KEYPOINTS, MASK, PARTS, ResultField
from hypercolumns.errors import InputError, choices
from hypercolumns.parameters import TASK_SECTIONS, Parameters, TaskParameters

if TYPE_CHECKING:
    from hypercolumns.evaluation.judgement import Answers, Judgement
    from hypercolumns.reporting.section import ReportSection
    from hypercolumns.tasks.task import Task


@dataclass(frozen=True)
class TaskDefinition:
    """Everything that the steps of the pipeline need to know about a task. See `docs/extending.md` for an example."""

    name: str
    """Name of the task in the parameters and in file names."""
    parameters: type[TaskParameters]
    """Class of its section of the parameters."""
    is_annotated: Callable[[Instance], bool]
    """Whether an instance has what the task learns from, such as a labelled keypoint."""
    result_field: ResultField
    """Field of a COCO result that holds an answer."""
    create: "Callable[[AnnotationSet, Parameters], Task]"
    """Creates the task for an annotation set."""
    judge: "Callable[[AnnotationSet, Answers, Parameters], Judgement]"
    """Evaluates answers against an annotation set."""
    section: "Callable[[], ReportSection]"
    """Creates the section of the report."""


TASKS: dict[str, TaskDefinition] = {}
"""Definitions by name, in the order of the report."""


def register_task(definition: TaskDefinition) -> None:
    """Add a task to the pipeline, or replace the one of the same name.

    Call this before reading parameters that name the task.

    Raises
    ------
    ValueError
        If the name is no identifier, or that of a section of the parameters that belongs to no task.
    """
    if not definition.name.isidentifier():
        raise ValueError(f"a task cannot be called {definition.name!r}; use letters, digits and underscores")
    if definition.name in Parameters.model_fields:
        raise ValueError(f"a task cannot be called {definition.name!r}, the name of a section of the parameters")
    TASKS[definition.name] = definition
    TASK_SECTIONS[definition.name] = definition.parameters


def find_task(name: str) -> TaskDefinition:
    """Look up the definition of a task.

    Raises
    ------
    InputError
        If no task of that name is registered.
    """
    if name not in TASKS:
        raise InputError(f"There is no task {name!r}; choose {choices(TASKS)}.")
    return TASKS[name]


def create_task(name: str, annotations: AnnotationSet, parameters: Parameters) -> "Task":
    """Create a task for an annotation set.

    Raises
    ------
    InputError
        If no task of that name is registered, or no category has a target for it.
    """
    task = find_task(name).create(annotations, parameters)
    if not task.targets:
        known = choices(category.name for category in annotations.categories)
        raise InputError(
            f"None of the annotated categories ({known}) has {name}; remove {name!r} from tasks in the parameter file, "
            f"or choose a data set that has them."
        )
    return task


def _load(name: str) -> Any:
    """Import on first use: a step loads only the part of a task that it needs, and DVC reruns it only for that part."""
    return resolve_name(f"hypercolumns.{name}")


# The section of each task stands in `parameters.tasks`, since parameters are read before any task is.
register_task(
    TaskDefinition(
        name="segmentation",
        parameters=TASK_SECTIONS["segmentation"],
        is_annotated=lambda instance: instance.has_mask,
        result_field=MASK,
        create=lambda annotations, p: _load("tasks.segmentation:SegmentationTask")(annotations, p.predict),
        judge=lambda *inputs: _load("evaluation.segmentation:judge_segmentation")(*inputs),
        section=lambda: _load("reporting.segmentation_section:SegmentationSection")(),
    )
)
register_task(
    TaskDefinition(
        name="keypoints",
        parameters=TASK_SECTIONS["keypoints"],
        is_annotated=lambda instance: any(instance.keypoints[2::3]),
        result_field=KEYPOINTS,
        create=lambda annotations, p: _load("tasks.keypoints:KeypointTask")(annotations, p.task_section("keypoints")),
        judge=lambda *inputs: _load("evaluation.keypoints:judge_keypoints")(*inputs),
        section=lambda: _load("reporting.task_tables:KEYPOINTS"),
    )
)
register_task(
    TaskDefinition(
        name="parts",
        parameters=TASK_SECTIONS["parts"],
        is_annotated=lambda instance: bool(instance.parts) and instance.has_mask,
        result_field=PARTS,
        create=lambda annotations, p: _load("tasks.parts:PartTask")(annotations, p.predict),
        judge=lambda *inputs: _load("evaluation.parts:judge_parts")(*inputs),
        section=lambda: _load("reporting.task_tables:PARTS"),
    )
)
