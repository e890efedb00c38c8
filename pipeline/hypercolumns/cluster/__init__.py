"""Dask workers: connecting to them, and what they start with."""
