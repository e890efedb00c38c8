"""The tasks by name: where a new one is entered."""

from collections.abc import Callable, Mapping

from pipeline.annotations.model import AnnotationSet
from pipeline.errors import InputError, choices
from pipeline.parameters import Parameters
from pipeline.tasks.keypoints import KeypointTask
from pipeline.tasks.parts import PartTask
from pipeline.tasks.segmentation import SegmentationTask
from pipeline.tasks.task import Task

TASKS: Mapping[str, Callable[[AnnotationSet, Parameters], Task]] = {
    "segmentation": lambda annotations, parameters: SegmentationTask(annotations, parameters.predict),
    "keypoints": lambda annotations, parameters: KeypointTask(annotations, parameters.keypoints),
    "parts": lambda annotations, parameters: PartTask(annotations, parameters.predict),
}
"""From annotations and parameters to a task."""


def create_task(name: str, annotations: AnnotationSet, parameters: Parameters) -> Task:
    """The task of that name.

    Raises
    ------
    InputError
        When no category has a target for it.
    """
    task = TASKS[name](annotations, parameters)
    if not task.targets:
        known = choices(category.name for category in annotations.categories)
        raise InputError(
            f"None of the annotated categories ({known}) has {name}; leave {name!r} out of tasks in the parameter "
            f"file, or choose a data set that has them."
        )
    return task
