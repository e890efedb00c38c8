"""Data sets whose annotations are MATLAB files: SBD and PASCAL-Part."""
