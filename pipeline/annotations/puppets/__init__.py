"""The embedded data set: drawn scenes of articulated figures."""

from pathlib import Path
from typing import Literal

from pipeline.annotations.model import AnnotationSet
from pipeline.parameters import DatasetParameters


def generate(settings: DatasetParameters, split: Literal["train", "val"], seed: int, folder: Path) -> AnnotationSet:
    """The scenes of one split, written as JPEG into `folder`."""
    raise NotImplementedError((settings, split, seed, folder))
