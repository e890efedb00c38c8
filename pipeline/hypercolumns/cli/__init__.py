"""The command line `hypercolumns`: `check`, `export`, `inspect`, `params` and `verify`."""
