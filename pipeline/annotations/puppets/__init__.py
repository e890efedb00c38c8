"""The embedded data set: drawn scenes of people, horses and cars with masks, keypoints and parts."""

from pipeline.annotations.puppets.generator import generate

__all__ = ["generate"]
