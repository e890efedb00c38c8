"""The command line `hypercolumns`: `inspect` and `params`."""
