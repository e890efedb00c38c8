"""Tasks: the training targets of a region, and how its heat maps become an answer."""
