"""Which regions, their warped crops, and the Zarr store of their hypercolumn blocks."""
