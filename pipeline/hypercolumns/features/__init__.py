"""Selection of regions, extraction of their hypercolumn blocks, and the Zarr store that keeps them."""
