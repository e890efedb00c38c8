"""Dask workers: what they start with, and connections to them."""
