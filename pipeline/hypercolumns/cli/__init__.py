"""The command line `hypercolumns`: `check`, `inspect`, `params` and `verify`."""
