"""Reading annotated data sets of several formats into one annotation model."""
