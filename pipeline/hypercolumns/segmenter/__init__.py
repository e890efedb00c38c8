"""Applies trained models to new photographs: without Dask, without stores, with the answers that `predict` gives."""
