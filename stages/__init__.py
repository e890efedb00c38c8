"""Thin commands around the library: read parameters, call it, write outputs. One file per DVC stage."""
