"""Frozen networks, created by name, that return the maps of chosen layers."""

from hypercolumns.backbones.backbone import Backbone, Layer
from hypercolumns.backbones.creation import create_backbone, with_layers
from hypercolumns.backbones.registry import register_backbone

__all__ = ["Backbone", "Layer", "create_backbone", "register_backbone", "with_layers"]
