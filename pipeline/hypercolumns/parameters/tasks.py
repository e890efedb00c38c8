"""The tasks: one section of parameters each, under the task's name."""

from typing import Annotated

from pydantic import Field

from hypercolumns.parameters.section import Positive, Section


class TaskParameters(Section):
    """Parameters that every task has; a task without parameters of its own uses this class."""

    baselines: bool = True
    """Train the top layer alone (with `ablate.grid`) and K = 1 beside it."""


class SegmentationParameters(TaskParameters):
    """Which pixels belong to the object; `predict` says how heat becomes a mask."""

    baselines: bool = False
    """As for other tasks; the ablation compares masks already."""


class KeypointParameters(TaskParameters):
    """Keypoints, of categories that have them."""

    radius: Annotated[float, Field(gt=0, le=0.5)] = 0.06
    """Locations within this share of the expanded box's sides of a keypoint are positive. Ours, measured."""
    hypotheses: Positive = 1
    """Peaks of every keypoint in the box of a detection; each makes one more result."""


class PartParameters(TaskParameters):
    """Labels of parts inside of masks, of categories that have them; `predict` says how heat becomes a mask."""


TASK_SECTIONS: dict[str, type[TaskParameters]] = {
    "segmentation": SegmentationParameters,
    "keypoints": KeypointParameters,
    "parts": PartParameters,
}
"""The section of every task by its name; `register_task` adds to it."""
