"""K x K grids of linear classifiers on hypercolumn blocks: training, keeping and scoring them."""
