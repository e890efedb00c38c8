"""Benchmarks: how fast the pipeline is beside the limits of the machine and beside what a user could run instead."""

import stages  # noqa: F401 - puts the package of this checkout before an installed one
