"""What becomes of predictions: metrics, and the page of results."""

from typing import Annotated, Literal

from pydantic import Field

from hypercolumns.parameters.section import Count, Positive, Section


class EvaluateParameters(Section):
    """The protocol of the metrics."""

    matching: Literal["voc", "best_free"] = "voc"
    """voc: the best instance, false when claimed already. best_free: the best one not yet claimed. Authors' code."""
    minimum_area: Count = 0
    """Ground-truth boxes: only instances of at least this many pixels enter the mask IoU."""
    proposals_minimum_area: Count = 200
    """Recall of proposals: only instances of at least this many pixels count."""
    apk_tolerance: Annotated[float, Field(gt=0)] = 0.2
    """A keypoint is right within this many torso heights. Paper, section 4.2."""
    torso_share: Annotated[float, Field(gt=0)] = 0.4
    """Torso height over the longer side of the box, where no torso is annotated. Median of people in COCO: .38."""


class ReportParameters(Section):
    """The page of results."""

    gallery: Positive = 24
    """Instances shown with photo, heat map, predicted and true mask."""
    photographs: Positive = 8
    """Photographs of val shown whole with the masks found in them, evenly spaced in their order."""
