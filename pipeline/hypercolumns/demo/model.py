"""The packaged model; `python -m tests.demo_model` in the repository makes it anew."""

from pathlib import Path

MODEL = Path(__file__).with_name("model.zip")
"""Trained on the scenes of the default run for the tasks segmentation and keypoints."""

SCORE = 0.25
"""Boxes of lower score are left out. Lower than that of `segment`, since six scenes have few objects."""
