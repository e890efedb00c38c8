"""Benchmarks: how fast the pipeline is beside the limits of the machine and beside what a user could run instead."""
