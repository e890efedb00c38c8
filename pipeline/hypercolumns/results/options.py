"""How results are written, whatever the format."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Options:
    """How results are written; a format uses what applies to it."""

    masks: Literal["polygons", "rle"] = "polygons"
    """How `coco-dataset` writes masks; RLE keeps every pixel, but few tools import it."""
    tolerance: float = 0.5
    """Largest distance in pixels between polygons and the outline of a mask; with 0 they cover its pixels exactly."""
    keypoint_score: float = 0.0
    """Keypoints with a smaller score are written as not labelled."""
    photographs: Path | None = None
    """Folder of the photographs to copy to where the format has them; None copies none."""
