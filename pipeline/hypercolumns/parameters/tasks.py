"""One section of parameters per task, under the name of the task."""

from typing import Annotated

from pydantic import Field

from hypercolumns.parameters.section import Section


class TaskParameters(Section):
    """Parameters that every task has; a task that needs no others uses this class."""

    baselines: bool = True
    """Compare with two baselines: the top layer alone (K = `ablate.grid`), and all layers with K = 1."""


class SegmentationParameters(TaskParameters):
    """Instance masks; see `predict` for how heat maps become masks."""

    baselines: bool = False
    """Compare with the two baselines; off, since the ablation already compares masks."""


class KeypointParameters(TaskParameters):
    """Keypoints, for categories that have them."""

    radius: Annotated[float, Field(ge=1e-3, le=0.5)] = 0.06
    """Locations this near to a keypoint are positive, as a share of the sides of the expanded box. Ours, measured."""
    hypotheses: Annotated[int, Field(ge=1, le=1000)] = 1
    """Peaks taken per keypoint and detection; each gives one result."""


class PartParameters(TaskParameters):
    """Part labels inside masks, for categories that have parts; see `predict` for how heat maps become masks."""


TASK_SECTIONS: dict[str, type[TaskParameters]] = {
    "segmentation": SegmentationParameters,
    "keypoints": KeypointParameters,
    "parts": PartParameters,
}
"""Section class by task; `register_task` adds to it."""
