"""Conventions for boxes, heat maps and interpolation; every other package builds on these."""
