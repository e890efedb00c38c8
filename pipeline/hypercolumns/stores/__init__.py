"""The format that all stores share: Zarr arrays cut along their first axis, with checksums, and a manifest of files."""
