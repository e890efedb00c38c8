"""Metrics, and the page of results."""

from typing import Annotated, Literal

from pydantic import Field

from hypercolumns.parameters.section import Count, Section


class EvaluateParameters(Section):
    """The protocol of evaluation."""

    matching: Literal["voc", "best_free"] = "voc"
    """voc: match the best instance, false if it is taken. best_free: match the best one that is free. Authors' code."""
    minimum_area: Count = 0
    """Smallest instance, in pixels, that enters the mask IoU in ground-truth boxes."""
    proposals_minimum_area: Count = 200
    """Smallest instance, in pixels, that enters the recall of proposals."""
    apk_tolerance: Annotated[float, Field(ge=1e-6, le=1000)] = 0.2
    """A keypoint is correct within this many torso heights. Paper, section 4.2."""
    torso_share: Annotated[float, Field(ge=1e-6, le=1000)] = 0.4
    """Torso height where none is annotated, as a share of the longer side of the box. Median of people in COCO: .38."""


class ReportParameters(Section):
    """The page of results."""

    gallery: Annotated[int, Field(ge=1, le=10_000)] = 24
    """Instances pictured per task, from best to worst."""
    photographs: Annotated[int, Field(ge=1, le=10_000)] = 8
    """Photographs of val shown in full, with the masks found in them; evenly spaced over the split."""
