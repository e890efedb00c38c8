"""Frozen networks by name, with the maps of chosen layers."""

from pipeline.backbones.backbone import Backbone, Layer
from pipeline.backbones.creation import create

__all__ = ["Backbone", "Layer", "create"]
