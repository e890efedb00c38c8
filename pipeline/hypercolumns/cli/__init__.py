"""The command line `hypercolumns`: `check`, `inspect` and `params`."""
