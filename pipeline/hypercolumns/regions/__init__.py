"""Conventions for boxes, heat maps and interpolation that all other packages build on."""
