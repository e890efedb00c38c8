"""The tasks: one section each, of the task's name."""

from typing import Annotated

from pydantic import Field

from pipeline.parameters.section import Positive, Section


class TaskParameters(Section):
    """What every task has, in a section of its name."""

    baselines: bool = True
    """Train the top layer alone and K = 1 beside it."""


class SegmentationParameters(TaskParameters):
    """Which pixels belong to the object; `predict` says how heat becomes a mask."""

    baselines: bool = False
    """Train the top layer alone and K = 1 beside it; the ablation compares them for masks already."""


class KeypointParameters(TaskParameters):
    """Keypoints, of categories that have them."""

    radius: Annotated[float, Field(gt=0, le=0.5)] = 0.06
    """Locations within this share of the expanded box's sides of a keypoint are positive. Ours, measured."""
    hypotheses: Positive = 1
    """Peaks of every keypoint in the box of a detection; each makes one more result."""


class PartParameters(TaskParameters):
    """Labels of parts inside of masks, of categories that have them; `predict` says how heat becomes a mask."""
