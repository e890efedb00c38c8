"""The embedded data set: drawn scenes of people, horses and cars with masks, keypoints and parts."""

from hypercolumns.puppets.generator import generate

__all__ = ["generate"]
