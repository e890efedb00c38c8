"""The tasks by name: where a new one is entered."""

from collections.abc import Callable, Mapping

from pipeline.annotations.model import AnnotationSet
from pipeline.parameters import Parameters
from pipeline.tasks.segmentation import SegmentationTask
from pipeline.tasks.task import Task

TASKS: Mapping[str, Callable[[AnnotationSet, Parameters], Task]] = {
    "segmentation": lambda annotations, parameters: SegmentationTask(annotations, parameters.predict),
}
"""From annotations and parameters to a task."""
