"""The registered tasks, and making one for an annotation set."""

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
"""By name, in the order of the report."""


def register_task(definition: TaskDefinition) -> None:
    """Add a task to the pipeline; a task of the same name is replaced.

    Register a task before parameters that name it are read.
    """
    TASKS[definition.name] = definition
    TASK_SECTIONS[definition.name] = definition.parameters


def find_task(name: str) -> TaskDefinition:
    """The definition of a task.

    Raises
    ------
    InputError
        When no task of that name is registered.
    """
    if name not in TASKS:
        raise InputError(f"There is no task {name!r}; choose {choices(TASKS)}.")
    return TASKS[name]


def create_task(name: str, annotations: AnnotationSet, parameters: Parameters) -> "Task":
    """The task of that name for an annotation set.

    Raises
    ------
    InputError
        When no task of that name is registered, or no category has a target for it.
    """
    task = find_task(name).create(annotations, parameters)
    if not task.targets:
        known = choices(category.name for category in annotations.categories)
        raise InputError(
            f"None of the annotated categories ({known}) has {name}; leave {name!r} out of tasks in the parameter "
            f"file, or choose a data set that has them."
        )
    return task


for _definition in (SEGMENTATION, KEYPOINTS, PARTS):
    register_task(_definition)
