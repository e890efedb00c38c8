"""The command line for people: `hypercolumns inspect`, `hypercolumns params`."""
