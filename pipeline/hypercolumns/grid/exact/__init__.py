"""The exact solver: logistic regression on every pixel, with loss and gradient at the maps' own resolution."""
