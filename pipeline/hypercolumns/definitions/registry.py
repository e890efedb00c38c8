"""The registry of tasks."""

from typing import TYPE_CHECKING

from hypercolumns.annotations.model import AnnotationSet
from hypercolumns.definitions.definition import TaskDefinition
from hypercolumns.definitions.keypoints import DEFINITION as KEYPOINTS
from hypercolumns.definitions.parts import DEFINITION as PARTS
from hypercolumns.definitions.segmentation import DEFINITION as SEGMENTATION
from hypercolumns.errors import InputError, choices
from hypercolumns.parameters import TASK_SECTIONS, Parameters

if TYPE_CHECKING:
    from hypercolumns.tasks.task import Task

TASKS: dict[str, TaskDefinition] = {}
"""Definitions by name, in the order of the report."""


def register_task(definition: TaskDefinition) -> None:
    """Add a task to the pipeline, or replace the one of the same name.

    Call this before reading parameters that name the task.
    """
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


for _definition in (SEGMENTATION, KEYPOINTS, PARTS):
    register_task(_definition)
