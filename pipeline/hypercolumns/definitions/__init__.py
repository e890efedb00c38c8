"""The tasks of the pipeline, each defined in one place: targets, predictions, metrics, parameters, report section."""

from hypercolumns.definitions.definition import TaskDefinition
from hypercolumns.definitions.registry import TASKS, create_task, find_task, register_task

__all__ = ["TASKS", "TaskDefinition", "create_task", "find_task", "register_task"]
